/* keys_devices.c - see keys_devices.h. */
#include "keys_devices.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../peers.h"
#include "../sealed/paper_key.h"
#include "errand.h"
#include "errand_trust.h"
#include "keys_people.h"
#include "out.h"
#include "report.h"

enum { REVOKE_MS = 15000 };

static enum face_exit no_list(struct errand *s)
{
    struct why why;
    why_set(&why, "this account has no list of devices yet");
    why_hint(&why, "it is made with the first connection, for instance by: " NAME " who");
    return errand_error(s->args, "local", &why);
}

static enum face_exit store_trouble(struct errand *s)
{
    struct why why;
    why_set(&why, "the message store failed: %s", vault_words(s->vault));
    return errand_error(s->args, "local", &why);
}

/* The own list: EXIT_DONE, or an exit after saying why. peer_free() in any case. */
static enum face_exit own_list(struct errand *s, struct peer *own)
{
    int r = peers_get(s->vault, (struct slice){(const uint8_t *)s->home.user, strlen(s->home.user)}, own);
    if (r < 0) return store_trouble(s);
    return r > 0 && own->list.n > 0 ? EXIT_DONE : no_list(s);
}

static void put_number(json_t *o, const char *key, uint64_t device)
{
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)device);
    json_object_set_new(o, key, device ? json_string(text) : json_null());
}

static void devices_json(const struct errand *s, const struct device_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct device_row *row = &list->row[i];
        json_t *o = json_object();
        json_object_set_new(o, "ev", json_string("device"));
        put_number(o, "device", row->device);
        json_object_set_new(o, "since", out_time(row->time));
        put_number(o, "by", row->by);
        json_object_set_new(o, "revoked", json_boolean(row->revoked != 0));
        json_object_set_new(o, "this", json_boolean(row->device == s->identity.device));
        out_json(o);
    }
}

enum face_exit keys_devices(const struct args *o)
{
    struct errand s;
    struct peer own = {0};
    struct buf lines = {0};
    enum face_exit exit = errand_open(&s, o, 0);
    if (exit == EXIT_DONE) exit = own_list(&s, &own);
    if (exit == EXIT_DONE && o->json) {
        devices_json(&s, &own.list);
    } else if (exit == EXIT_DONE) {
        keys_device_lines(s.vault, s.home.user, s.identity.device, &lines);
        out_line(STDOUT_FILENO, &lines);
    }
    buf_free(&lines);
    peer_free(&own);
    errand_close(&s);
    return exit;
}

/* --- revoking --- */

struct revoking {
    struct errand s;
    uint64_t device;
    bool asked;
};

/* The only device that is in whose number begins so; 0: none, or several. */
static uint64_t find(const struct device_list *list, const char *digits)
{
    uint64_t found = 0;
    char text[24];
    size_t n = strlen(digits);
    for (size_t i = 0; i < list->n; i++) {
        snprintf(text, sizeof text, "%016llx", (unsigned long long)list->row[i].device);
        if (n < 4 || list->row[i].revoked || strncasecmp(text, digits, n) != 0) continue;
        if (found) return 0;
        found = list->row[i].device;
    }
    return found;
}

static void refuse(struct revoking *r, const char *code, const char *what, const char *hint)
{
    struct why why;
    why_set(&why, "%s", what);
    why_hint(&why, "%s", hint);
    errand_end(&r->s, errand_error(r->s.args, code, &why));
}

/* Once the own list is as the server has it. */
static void begin(struct revoking *r)
{
    r->asked = true;
    switch (client_revoke(r->s.client, r->device)) {
    case CLIENT_NO_ACCOUNT_KEY:
        refuse(r, "no-account-key", "this device cannot revoke: it does not hold the account's key",
               "use the device that the account began on, or the paper key: " NAME " device add --paper");
        return;
    case CLIENT_NO_SUCH_DEVICE:
        refuse(r, "no-such-device", "that device is not in, or it is this one", NAME " keys devices lists them");
        return;
    default: return;
    }
}

static void on_event(void *arg, const struct client_event *e)
{
    struct revoking *r = arg;
    if (e->type == CLIENT_CONNECTED && !r->asked) begin(r);
    if (e->type != CLIENT_DEVICE || e->device.device != r->device) return;
    if (e->device.what == CLIENT_DEVICE_REVOKED) {
        if (!r->s.args->quiet)
            out_say("it is revoked: its sessions end, and nothing more is sealed for it. What it has, it keeps");
        errand_end(&r->s, EXIT_DONE);
    }
    if (e->device.what == CLIENT_DEVICE_ENDED) refuse(r, "failed", e->device.words, "");
}

static enum face_exit run_revoke(struct revoking *r)
{
    struct why why;
    int64_t ms = r->s.args->timeout_ms;
    r->s.event = on_event;
    r->s.arg = r;
    client_connect(r->s.client);
    bool done = errand_run(&r->s, errand_now() + (uint64_t)(ms < 0 ? REVOKE_MS : ms));
    errand_leave(&r->s);
    if (done) return r->s.exit;
    why_set(&why, "the server has not confirmed it in time%s%s", r->s.lost_reason[0] ? ": " : "", r->s.lost_reason);
    why_hint(&why, NAME " keys devices says whether it is in; try again");
    return errand_error(r->s.args, "unreachable", &why);
}

static enum face_exit confirm(struct revoking *r, const struct peer *own, const char *number)
{
    struct why why;
    char question[160];
    r->device = find(&own->list, number);
    if (r->device == 0) {
        why_set(&why, "no device that is in has the number \"%.16s\", or several begin so", number);
        why_hint(&why, NAME " keys devices lists them; at least four digits are needed");
        return errand_error(r->s.args, "no-such-device", &why);
    }
    if (r->s.args->yes) return EXIT_DONE;
    snprintf(question, sizeof question, "Revoke %016llx for ever?", (unsigned long long)r->device);
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) return errand_ask(question) ? EXIT_DONE : EXIT_FAILED;
    why_set(&why, "revoking cannot be taken back");
    why_hint(&why, "say --yes");
    return errand_error(r->s.args, "usage", &why);
}

enum face_exit keys_revoke(const struct args *o, const char *number)
{
    struct revoking r = {0};
    struct peer own = {0};
    enum face_exit exit = errand_open(&r.s, o, 0);
    if (exit == EXIT_DONE) exit = own_list(&r.s, &own);
    if (exit == EXIT_DONE) exit = confirm(&r, &own, number);
    peer_free(&own);
    if (exit == EXIT_DONE) exit = run_revoke(&r);
    errand_close(&r.s);
    return exit;
}

/* --- paper --- */

void keys_paper_words(const struct args *o, const uint8_t seed[PAPER_SEED])
{
    char text[PAPER_TEXT];
    struct buf line = {0};
    paper_key_spell(seed, text);
    if (o->json) {
        json_t *event = json_object();
        json_object_set_new(event, "ev", json_string("paper"));
        json_object_set_new(event, "words", json_string(text));
        out_json(event);
    } else {
        unsigned n = 0;
        for (const char *p = text; *p; p++)
            buf_put_u8(&line, *p == ' ' && ++n % 6 == 0 ? '\n' : (uint8_t)*p);
        out_line(STDOUT_FILENO, &line);
    }
    sealed_buf_wipe(&line);
    sodium_memzero(text, sizeof text);
}

static enum face_exit may_show(struct errand *s, const struct peer *own)
{
    struct why why;
    bool terminal = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    if (memcmp(own->list.account_key, s->identity.account_key, SEALED_KEY) != 0) {
        why_set(&why, "this device does not hold the account's key");
        why_hint(&why, "use the device that the account began on");
        return errand_error(s->args, "no-account-key", &why);
    }
    if (s->args->yes) return EXIT_DONE;
    if (terminal)
        return errand_ask("Whoever reads these words can become you. Is nobody looking?") ? EXIT_DONE : EXIT_FAILED;
    why_set(&why, "the paper key is shown in a terminal alone");
    why_hint(&why, "say --yes if it is to go elsewhere");
    return errand_error(s->args, "usage", &why);
}

enum face_exit keys_paper(const struct args *o)
{
    struct errand s;
    struct peer own = {0};
    enum face_exit exit = errand_open(&s, o, 0);
    if (exit == EXIT_DONE) exit = own_list(&s, &own);
    if (exit == EXIT_DONE) exit = may_show(&s, &own);
    if (exit == EXIT_DONE) {
        keys_paper_words(o, s.identity.account_secret);
        if (!o->quiet)
            out_say("Write them down and keep the paper away from the machine. On a new one: " NAME " device add --paper");
    }
    peer_free(&own);
    errand_close(&s);
    return exit;
}
