/* doctor_server.c - see doctor.h: can the server be reached, is it the right one, does it let us in? */
#include "doctor.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "meet.h"
#include "safety_number.h"

enum { SIGN_IN_MS = 10000 };

/* False: the name has no address. */
static bool look_up(struct doctor *d)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    char text[200] = "", number[64];
    int r = getaddrinfo(d->s.host, d->s.port, &wanted, &list);
    if (r == EAI_ADDRFAMILY || r == EAI_NODATA) /* a machine without a network still has itself */
        r = getaddrinfo(d->s.host, d->s.port, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &list);
    if (r != 0) {
        doctor_fail(d, "address", EXIT_UNREACHABLE, "is the name right, and this machine connected?", "\"%.120s\" has no address: %s",
                    d->s.host, gai_strerror(r));
        return false;
    }
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        size_t used = strlen(text);
        if (used > sizeof text - sizeof number - 3) break; /* enough of them */
        if (getnameinfo(a->ai_addr, a->ai_addrlen, number, sizeof number, NULL, 0, NI_NUMERICHOST) == 0)
            snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "", number);
    }
    freeaddrinfo(list);
    doctor_ok(d, "address", "%s: %s", d->s.place, text);
    return true;
}

static void look_at_fault(struct doctor *d, enum link_fault fault, const struct why *why)
{
    const char *hint = "is the server running, and are host and port right? does a firewall stand between?";
    if (fault == LINK_NOT_OURS || fault == LINK_NO_VERSION) hint = "something else answers there: check host, port and version";
    if (fault == LINK_BUSY) hint = "try again later";
    if (fault == LINK_BAD_PROOF) hint = "somebody may be meddling with the connection: try another network";
    if (fault == LINK_BAD_TIME) hint = "set this machine's clock: timedatectl set-ntp true";
    doctor_fail(d, "server", exit_of(meet_code(fault)), hint, "%s", why->what);
}

/* True: the key is the pinned one. */
static bool look_at_key(struct doctor *d, const uint8_t server_id[32])
{
    struct trust_pin pin;
    struct why why;
    char words[SAFETY_PHRASE], hint[256];
    safety_fingerprint(server_id, words);
    enum trust_verdict v = trust_check(d->s.home.known_servers, d->s.place, server_id, &pin, &why);
    snprintf(hint, sizeof hint, "ask the instructor for the words; " NAME " keys replace-server %.150s", d->s.place);
    if (v == TRUST_PINNED)
        doctor_ok(d, "trust", "its key is the pinned one: %s", words);
    else if (v == TRUST_UNKNOWN)
        doctor_warn(d, "trust", "compare the words with what the server shows; " NAME " init asks", "never seen before: %s", words);
    else if (v == TRUST_CHANGED)
        doctor_fail(d, "trust", EXIT_TRUST, hint, "STOP: its key is not the one of %s: %s", pin.date, words);
    else
        doctor_fail(d, "trust", EXIT_LOCAL, why.hint, "%s", why.what);
    return v == TRUST_PINNED;
}

/* --- signing in --- */

struct signing {
    struct errand s;
    struct doctor *d;
    unsigned waiting;
    char refusal[600]; /* "error: …\nhint: …" */
};

static void on_event(void *arg, const struct client_event *e)
{
    struct signing *g = arg;
    if (e->type != CLIENT_CONNECTED) return;
    g->waiting = e->welcome->waiting;
    errand_end(&g->s, EXIT_DONE);
}

static void on_refusal(void *arg, const char *text)
{
    struct signing *g = arg;
    snprintf(g->refusal, sizeof g->refusal, "%s", text);
}

static void tell_refusal(struct signing *g)
{
    char *hint = strstr(g->refusal, "\nhint: "), *what = g->refusal;
    if (hint) *hint = '\0';
    if (strncmp(what, "error: ", 7) == 0) what += 7;
    doctor_fail(g->d, "sign-in", g->s.exit, hint ? hint + 7 : "", "%s", what);
}

static void try(struct signing *g)
{
    g->s.event = on_event;
    g->s.say = on_refusal;
    g->s.arg = g;
    g->s.no_questions = true;
    client_connect(g->s.client);
    bool done = errand_run(&g->s, errand_now() + SIGN_IN_MS);
    if (g->refusal[0])
        tell_refusal(g);
    else if (!done)
        doctor_fail(g->d, "sign-in", EXIT_UNREACHABLE, "try again; if it stays, ask who runs the server", "no answer in time");
    else if (g->s.exit != EXIT_DONE)
        doctor_fail(g->d, "sign-in", g->s.exit, "", "interrupted");
    else
        doctor_ok(g->d, "sign-in", "as %s; %u messages wait", g->s.home.user, g->waiting);
    errand_leave(&g->s);
}

static void sign_in(struct doctor *d)
{
    struct signing g = {.d = d};
    struct args args = d->args;
    args.user = d->s.home.user;
    args.json = false; /* errors become findings */
    enum face_exit exit = errand_open(&g.s, &args, 0);
    if (exit == EXIT_DONE)
        try(&g);
    else
        doctor_fail(d, "sign-in", exit, "the lines on standard error say more", "the home cannot be opened");
    errand_close(&g.s);
}

void doctor_server(struct doctor *d)
{
    struct why why;
    struct wire_proof proof = {0};
    bool reached = look_up(d), right = false;
    uint64_t before = errand_now();
    enum link_fault fault = reached ? meet(&d->s, &proof, &why) : LINK_NO_HOST;
    if (fault == LINK_FINE) doctor_ok(d, "server", "answers after %llu ms", (unsigned long long)(errand_now() - before));
    if (reached && fault != LINK_FINE) look_at_fault(d, fault, &why);
    doctor_judge_clock(d, errand_wall(), proof.server_time_ms);
    if (fault == LINK_FINE) right = look_at_key(d, proof.cert.server_id);
    if (!right || !d->user) return;
    if (d->locked && !d->args.password_file && !d->args.password_command)
        doctor_ok(d, "sign-in", "not tried: the key is locked; with --password-file it is");
    else
        sign_in(d);
}
