/*
 * keys.c - csce513fall24Msg keys: this device's key and the account's, the server's fingerprint, accepting a
 * new one; the keys of people: comparing them, believing new ones.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../class.h"
#include "../show.h"
#include "meet.h"
#include "out.h"
#include "report.h"
#include "safety_number.h"
#include "errand.h"
#include "errand_trust.h"
#include "keys_devices.h"
#include "keys_people.h"
#include "passphrase.h"
#include "verbs.h"

static bool find_pin(struct errand *s, struct trust_pin *pin)
{
    static const uint8_t none[32];
    struct why why;
    return trust_check(s->home.known_servers, s->place, none, pin, &why) == TRUST_CHANGED;
}

static struct slice text_of(const char *s)
{
    return (struct slice){(const uint8_t *)s, strlen(s)};
}

static enum face_exit store_trouble(struct errand *s)
{
    struct why why;
    why_set(&why, "the message store failed: %s", vault_words(s->vault));
    return errand_error(s->args, "local", &why);
}

/* What keys show shows; texts are empty for what there is not (yet). */
struct own_keys {
    char device[TRUST_FINGERPRINT], server[TRUST_FINGERPRINT], server_words[SAFETY_PHRASE];
    char account[SAFETY_PHRASE], anchor[SAFETY_PHRASE];
    char class_name[ANCHOR_CLASS_MAX + 1];
};

static json_t *text_or_null(const char *text)
{
    return text[0] ? out_text(text_of(text)) : json_null();
}

static void show_json(const struct errand *s, const struct own_keys *k)
{
    json_t *o = json_object();
    char number[24];
    snprintf(number, sizeof number, "%016llx", (unsigned long long)s->identity.device);
    json_object_set_new(o, "ev", json_string("key"));
    json_object_set_new(o, "user", json_string(s->home.user));
    json_object_set_new(o, "device", json_string(number));
    json_object_set_new(o, "fingerprint", json_string(k->device));
    json_object_set_new(o, "account", text_or_null(k->account));
    json_object_set_new(o, "class", text_or_null(k->class_name));
    json_object_set_new(o, "class_key", text_or_null(k->anchor));
    json_object_set_new(o, "server", json_string(s->place));
    json_object_set_new(o, "server_fingerprint", text_or_null(k->server));
    json_object_set_new(o, "server_words", text_or_null(k->server_words));
    out_json(o);
}

static void show_lines(const struct errand *s, const struct own_keys *k)
{
    struct buf b = {0};
    char class_name[ANCHOR_CLASS_MAX + 1];
    report_put(&b, "user    %s\ndevice  %016llx\nkey     %s\naccount %s\n", s->home.user,
               (unsigned long long)s->identity.device, k->device, k->account[0] ? k->account : "not at the server yet");
    if (k->class_name[0])
        report_put(&b, "class   %s\n        %s\n", show_word(class_name, sizeof class_name, text_of(k->class_name)), k->anchor);
    report_put(&b, "server  %s\n        %s", s->place, k->server[0] ? k->server_words : "not known yet");
    if (k->server[0]) report_put(&b, "\n        %s", k->server);
    out_line(STDOUT_FILENO, &b);
    buf_free(&b);
}

static int own_class(struct vault *v, struct own_keys *k)
{
    struct class_room room;
    int r = class_get(v, &room);
    memcpy(k->class_name, room.name, sizeof k->class_name);
    if (r > 0) safety_fingerprint(room.anchor_key, k->anchor);
    class_wipe(&room);
    return r;
}

static enum face_exit show(const struct args *o)
{
    struct errand s;
    struct trust_pin pin;
    struct own_keys k = {0};
    enum face_exit exit = errand_open(&s, o, 0);
    if (exit == EXIT_DONE) {
        trust_fingerprint(s.identity.public_key, k.device);
        if (find_pin(&s, &pin)) {
            trust_fingerprint(pin.server_id, k.server);
            safety_fingerprint(pin.server_id, k.server_words);
        }
        if (keys_account_words(s.vault, s.home.user, k.account) == KEYS_STORE || own_class(s.vault, &k) < 0)
            exit = store_trouble(&s);
        else if (o->json)
            show_json(&s, &k);
        else
            show_lines(&s, &k);
    }
    errand_close(&s);
    return exit;
}

struct change {
    const uint8_t *old, *new;
};

/* The user's messages for the old server are for the new one now. */
static void rebind(void *arg, const char *path)
{
    const struct change *c = arg;
    struct why why;
    struct vault *v = vault_open(path, &why);
    if (!v || vault_bind(v, c->new, c->old) < 0) out_say("note: %s", v ? vault_words(v) : why.what);
    vault_close(v);
}

static enum face_exit replace(struct errand *s)
{
    struct why why;
    struct trust_pin pin;
    struct wire_proof proof;
    char old[SAFETY_PHRASE] = "none", new[SAFETY_PHRASE];
    bool known = find_pin(s, &pin);
    enum link_fault fault = meet(s, &proof, &why);
    if (fault != LINK_FINE) return errand_error(s->args, meet_code(fault), &why);
    const uint8_t *id = proof.cert.server_id;
    if (known) safety_fingerprint(pin.server_id, old);
    safety_fingerprint(id, new);
    out_say("%s\n  pinned until now  %s\n  offered now       %s", s->place, old, new);
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !s->args->accept_new &&
        !errand_ask("Trust the key offered now?"))
        return EXIT_TRUST;
    if (trust_accept(s->home.known_servers, s->place, id, &why) < 0)
        return errand_error(s->args, "local", &why);
    struct change c = {pin.server_id, id};
    if (known) home_each_store(&s->home, rebind, &c);
    out_say("the key is trusted from now on");
    return EXIT_DONE;
}

/* --- people --- */

static enum face_exit unknown_person(struct errand *s, const char *name)
{
    struct why why;
    char shown[NAME_SIZE];
    why_set(&why, "nothing is known of the keys of \"%s\" yet",
            show_word(shown, sizeof shown, text_of(name)));
    why_hint(&why, "they are fetched with the first message to them");
    return errand_error(s->args, "no-such-user", &why);
}

static void print(struct buf *lines)
{
    out_line(STDOUT_FILENO, lines);
    buf_free(lines);
}

static void verify_json(struct errand *s, const char *name, const struct peer *p)
{
    struct peer own;
    char number[SAFETY_NUMBER], words[SAFETY_PHRASE];
    struct safety_account a = {0}, b = {0};
    json_t *o = json_object();
    peers_get(s->vault, text_of(s->home.user), &own);
    memcpy(a.key, own.list.account_key, sizeof a.key);
    memcpy(b.key, p->list.account_key, sizeof b.key);
    a.name = (struct slice){(const uint8_t *)own.list.name, own.list.name_len};
    b.name = (struct slice){(const uint8_t *)p->list.name, p->list.name_len};
    safety_number(&a, &b, number, words);
    json_object_set_new(o, "ev", json_string("safety"));
    json_object_set_new(o, "user", out_text(text_of(name)));
    json_object_set_new(o, "number", json_string(number));
    json_object_set_new(o, "words", json_string(words));
    json_object_set_new(o, "verified", json_boolean(p->verified));
    json_object_set_new(o, "trouble", p->trouble ? json_string(peer_trouble_words(p->trouble)) : json_null());
    out_json(o);
    peer_free(&own);
}

/* Shows what to compare; says yes for good with --yes, or when asked in a terminal. */
static enum face_exit verify(struct errand *s, const char *name)
{
    struct buf lines = {0};
    struct peer p;
    enum keys_known known = keys_safety_lines(s->vault, s->home.user, name, &lines);
    if (known == KEYS_STORE) return store_trouble(s);
    if (known == KEYS_UNKNOWN) return unknown_person(s, name);
    peers_get(s->vault, text_of(name), &p);
    bool sound = p.trouble == PEER_FINE, ask = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    if (!s->args->json) print(&lines);
    buf_free(&lines);
    if (sound && !p.verified && (s->args->yes || (ask && errand_ask("Do they see the same?")))) {
        p.verified = peers_verify(s->vault, name) > 0;
        if (!s->args->quiet && !s->args->json) out_say("verified from now on");
    }
    if (s->args->json) verify_json(s, name, &p);
    peer_free(&p);
    return sound ? EXIT_DONE : EXIT_TRUST;
}

static enum face_exit accept(struct errand *s, const char *name)
{
    int r = peers_accept(s->vault, name);
    if (r < 0) return store_trouble(s);
    if (r == 0) return unknown_person(s, name);
    if (!s->args->quiet)
        out_say("the keys that the server shows of %s are believed from now on; what waits leaves with the\n"
                "next command that connects", name);
    return EXIT_DONE;
}

static enum face_exit with_store(const struct args *o, const char *what, const char *name)
{
    struct errand s;
    struct why why;
    enum face_exit exit = errand_open(&s, o, 0);
    const char *wrong;
    if (exit == EXIT_DONE && !name_valid(name, strlen(name), &wrong)) {
        why_set(&why, "not a name: it %s", wrong);
        exit = errand_error(o, "usage", &why);
    } else if (exit == EXIT_DONE) {
        exit = strcmp(what, "verify") == 0 ? verify(&s, name) : accept(&s, name);
    }
    errand_close(&s);
    return exit;
}

enum face_exit verb_keys(const struct args *o)
{
    struct why why;
    const char *what = o->operands > 1 ? o->operand[1] : "";
    if (strcmp(what, "show") == 0 && o->operands == 2) return show(o);
    if (strcmp(what, "replace-server") == 0 && o->operands == 3) {
        struct args with = *o;
        struct errand s;
        with.server = o->operand[2];
        enum face_exit exit = errand_home(&s, &with);
        return exit == EXIT_DONE ? replace(&s) : exit;
    }
    if (strcmp(what, "devices") == 0 && o->operands == 2) return keys_devices(o);
    if (strcmp(what, "lock") == 0 && o->operands == 2) return keys_lock(o);
    if (strcmp(what, "unlock") == 0 && o->operands == 2) return keys_unlock(o);
    if (strcmp(what, "paper") == 0 && o->operands == 2) return keys_paper(o);
    if (strcmp(what, "revoke") == 0 && o->operands == 3) return keys_revoke(o, o->operand[2]);
    if ((strcmp(what, "verify") == 0 || strcmp(what, "accept") == 0) && o->operands == 3)
        return with_store(o, what, o->operand[2]);
    why_set(&why, "keys needs show, devices, revoke DEVICE, paper, lock, unlock, verify NAME, accept NAME, or replace-server HOST[:PORT]");
    why_hint(&why, NAME " help keys shows how");
    return errand_error(o, "usage", &why);
}
