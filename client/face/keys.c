/* keys.c - csce513fall24Msg keys: this device's key, the server's fingerprint, accepting a new one.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../link.h"
#include "out.h"
#include "report.h"
#include "errand.h"
#include "errand_trust.h"
#include "verbs.h"

enum { DEFAULT_MS = 10000 };

static bool find_pin(struct errand *s, struct trust_pin *pin)
{
    static const uint8_t none[32];
    struct why why;
    return trust_check(s->home.known_servers, s->place, none, pin, &why) == TRUST_CHANGED;
}

static void show_json(struct errand *s, const char *device, const char *server)
{
    json_t *o = json_object();
    char number[24];
    snprintf(number, sizeof number, "%016llx", (unsigned long long)s->identity.device);
    json_object_set_new(o, "ev", json_string("key"));
    json_object_set_new(o, "user", json_string(s->home.user));
    json_object_set_new(o, "device", json_string(number));
    json_object_set_new(o, "fingerprint", json_string(device));
    json_object_set_new(o, "server", json_string(s->place));
    json_object_set_new(o, "server_fingerprint", server[0] ? json_string(server) : json_null());
    out_json(o);
}

static enum face_exit show(const struct args *o)
{
    struct errand s;
    struct trust_pin pin;
    char device[TRUST_FINGERPRINT], server[TRUST_FINGERPRINT] = "";
    enum face_exit exit = errand_open(&s, o, 0);
    if (exit == EXIT_DONE) {
        trust_fingerprint(s.identity.public_key, device);
        if (find_pin(&s, &pin)) trust_fingerprint(pin.server_id, server);
        if (o->json)
            show_json(&s, device, server);
        else {
            struct buf b = {0};
            report_put(&b, "user    %s\ndevice  %016llx\nkey     %s\nserver  %s\n        %s",
                       s.home.user, (unsigned long long)s.identity.device, device, s.place,
                       server[0] ? server : "not known yet");
            out_line(STDOUT_FILENO, &b);
            buf_free(&b);
        }
    }
    errand_close(&s);
    return exit;
}

/* Shakes hands with the server just to learn its identity. */
static int learn(struct errand *s, uint64_t deadline, uint8_t server_id[32], struct why *why)
{
    struct link *l = link_dial(s->host, s->port, errand_now());
    while (link_state(l) < LINK_PROVEN && errand_now() < deadline) {
        struct pollfd p = {.fd = link_fd(l), .events = link_wants(l)};
        poll(&p, 1, 100);
        link_step(l, p.revents, errand_now());
    }
    bool proven = link_state(l) == LINK_PROVEN;
    if (proven)
        memcpy(server_id, link_proof(l)->cert.server_id, 32);
    else
        why_set(why, "cannot reach %s: %s", s->place,
                link_state(l) == LINK_DOWN ? link_words(l) : "no answer in time");
    link_free(l);
    return proven ? 0 : -1;
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
    uint8_t id[32];
    char old[TRUST_FINGERPRINT] = "none", new[TRUST_FINGERPRINT];
    int64_t ms = s->args->timeout_ms;
    bool known = find_pin(s, &pin);
    if (learn(s, errand_now() + (uint64_t)(ms < 0 ? DEFAULT_MS : ms), id, &why) < 0)
        return errand_error(s->args, "unreachable", &why);
    if (known) trust_fingerprint(pin.server_id, old);
    trust_fingerprint(id, new);
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
    why_set(&why, "keys needs show, or replace-server HOST[:PORT]");
    why_hint(&why, NAME " help keys shows how");
    return errand_error(o, "usage", &why);
}
