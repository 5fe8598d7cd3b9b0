/* passphrase.c - see passphrase.h. */
#include "passphrase.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../vault_lock.h"
#include "ask.h"
#include "fault.h"
#include "out.h"

/* The first line of a stream. */
static int first_line(FILE *f, char out[PASSPHRASE_MAX])
{
    bool got = fgets(out, PASSPHRASE_MAX, f) != NULL;
    if (got) out[strcspn(out, "\n")] = '\0';
    return got && out[0] ? 0 : -1;
}

static int from_file(const char *path, char out[PASSPHRASE_MAX], struct why *why)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        why_set(why, "cannot read --password-file \"%s\": %s", path, strerror(errno));
        return -1;
    }
    int r = first_line(f, out);
    fclose(f);
    if (r < 0) why_set(why, "--password-file \"%s\" is empty", path);
    return r;
}

static int from_command(const char *command, char out[PASSPHRASE_MAX], struct why *why)
{
    FILE *f = popen(command, "re");
    int r = f ? first_line(f, out) : -1;
    int status = f ? pclose(f) : -1;
    if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    why_set(why, "--password-command gave no passphrase");
    why_hint(why, "it must write it as its first line and end with status 0");
    return -1;
}

static int from_person(struct errand *s, bool fresh, char out[PASSPHRASE_MAX], struct why *why)
{
    struct ask_line line, again = {0};
    char question[NAME_SIZE + 48];
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        why_set(why, "the store of %s %s", s->home.user, fresh ? "needs a passphrase" : "is locked with a passphrase");
        why_hint(why, "use a terminal, --password-file FILE or --password-command COMMAND");
        return -1;
    }
    snprintf(question, sizeof question, "%s %s: ", fresh ? "New passphrase for" : "Passphrase of", s->home.user);
    bool got = ask_secret(s, &line, question);
    bool same = !fresh || (got && ask_secret(s, &again, "The same once more: ") && strcmp(line.text, again.text) == 0);
    if (got && same) snprintf(out, PASSPHRASE_MAX, "%s", line.text);
    sodium_memzero(&line, sizeof line);
    sodium_memzero(&again, sizeof again);
    if (!got || !same) why_set(why, got ? "the two are not the same" : "no passphrase was given");
    return got && same ? 0 : -1;
}

int passphrase_get(struct errand *s, bool fresh, char out[PASSPHRASE_MAX], struct why *why)
{
    int r = s->args->password_file      ? from_file(s->args->password_file, out, why)
            : s->args->password_command ? from_command(s->args->password_command, out, why)
                                        : from_person(s, fresh, out, why);
    if (r == 0 && fresh && strlen(out) < PASSPHRASE_LEAST) {
        why_set(why, "a passphrase has at least %d characters", PASSPHRASE_LEAST);
        why_hint(why, "four or five words that do not belong together are good");
        r = -1;
    }
    if (r < 0) sodium_memzero(out, PASSPHRASE_MAX);
    return r;
}

/* What was typed in the conversation is as secret as what was sent. */
static void forget_input(const struct errand *s)
{
    char path[PATH_MAX];
    unlink(home_file(&s->home, "history", path));
}

/*
 * The key file first: from then on the passphrase is needed, and whoever opens the store with it seals what
 * is not sealed yet. So a crash in between is mended by the next command.
 */
static enum face_exit lock(struct errand *s)
{
    struct why why;
    char passphrase[PASSPHRASE_MAX] = "", path[PATH_MAX];
    if (s->identity.lock.on) {
        why_set(&why, "it is locked already");
        why_hint(&why, "for another passphrase: " NAME " keys unlock, then keys lock");
        return errand_error(s->args, "local", &why);
    }
    if (passphrase_get(s, true, passphrase, &why) < 0) return errand_error(s->args, "passphrase", &why);
    home_file(&s->home, "key", path);
    int r = vault_alone(s->vault, &why) ? 0 : -1;
    if (r == 0) r = identity_lock(path, &s->identity, passphrase, strlen(passphrase), &why);
    sodium_memzero(passphrase, sizeof passphrase);
    if (r == 0) FAULT(s->home.folder, "lock-key");
    if (r == 0) r = vault_give_key(s->vault, s->identity.lock.store_key, &why);
    if (r < 0) return errand_error(s->args, "local", &why);
    forget_input(s);
    if (!s->args->quiet)
        out_say("locked: every command asks for the passphrase now. Without it only the paper key helps:\n"
                "  " NAME " keys paper");
    return EXIT_DONE;
}

/* The other way round: the key file stays locked until nothing needs it. */
static enum face_exit unlock(struct errand *s)
{
    struct why why;
    char path[PATH_MAX];
    if (!s->identity.lock.on) {
        why_set(&why, "it is not locked");
        why_hint(&why, NAME " keys lock does that");
        return errand_error(s->args, "local", &why);
    }
    int r = vault_unseal(s->vault, &why);
    if (r == 0) FAULT(s->home.folder, "unlock-store");
    if (r == 0) r = identity_open_up(home_file(&s->home, "key", path), &s->identity, &why);
    if (r < 0) return errand_error(s->args, "local", &why);
    if (!s->args->quiet) out_say("no passphrase is needed any more");
    return EXIT_DONE;
}

static enum face_exit with(const struct args *o, enum face_exit (*what)(struct errand *s))
{
    struct errand s;
    enum face_exit exit = errand_open(&s, o, 0);
    if (exit == EXIT_DONE) exit = what(&s);
    errand_close(&s);
    return exit;
}

enum face_exit keys_lock(const struct args *o)
{
    return with(o, lock);
}

enum face_exit keys_unlock(const struct args *o)
{
    return with(o, unlock);
}
