/* status.c - see status.h. */
#include "status.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const char *const roles[] = {"master", "broker", "worker", "spare"};

static const char *word(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static uint64_t number(const json_t *o, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(o, key));
    return n > 0 ? (uint64_t)n : 0;
}

/* "127.0.0.1:5130", "[::1]:5130"; a server that listens everywhere is reached over loopback. */
static void read_address(struct status *s, const char *address)
{
    const char *colon = strrchr(address, ':');
    bool v6 = address[0] == '[';
    if (!colon || colon - address < (v6 ? 3 : 1)) return;
    snprintf(s->host, sizeof s->host, "%.*s", (int)(colon - address) - (v6 ? 2 : 0), address + v6);
    snprintf(s->port, sizeof s->port, "%s", colon + 1);
    if (strcmp(s->host, "0.0.0.0") == 0) snprintf(s->host, sizeof s->host, "127.0.0.1");
    if (strcmp(s->host, "::") == 0) snprintf(s->host, sizeof s->host, "::1");
}

static void read_row(struct status *s, const json_t *row)
{
    unsigned role = 0;
    while (role <= STATUS_SPARE && strcmp(word(row, "role"), roles[role]) != 0)
        role++;
    if (role > STATUS_SPARE || s->n == STATUS_PROCESSES) return;
    const char *state = word(row, "state");
    bool ok = strcmp(state, "ok") == 0;
    s->process[s->n++] = (struct status_process){
        .role = role,
        .pid = (pid_t)number(row, "pid"),
        .slot = number(row, "slot"),
        .generation = number(row, "generation"),
        .ok = ok,
        .settled = ok || strcmp(state, "draining") == 0,
    };
    if (role != STATUS_MASTER) return;
    const json_t *first = json_array_get(json_object_get(row, "listen"), 0);
    if (json_is_string(first)) read_address(s, json_string_value(first));
    snprintf(s->fingerprint, sizeof s->fingerprint, "%s", word(row, "fingerprint"));
}

void status_read(struct status *s, struct buf *answer)
{
    *s = (struct status){0};
    buf_put_u8(answer, 0);
    char *line = (char *)buf_head(answer);
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        json_t *row = json_loads(line, 0, NULL);
        read_row(s, row);
        json_decref(row);
    }
}

bool status_has(const struct status *s, const struct status_process *p)
{
    for (unsigned i = 0; i < s->n; i++) {
        const struct status_process *q = &s->process[i];
        if (q->pid == p->pid && q->role == p->role && q->slot == p->slot &&
            q->generation == p->generation)
            return true;
    }
    return false;
}

bool status_settled(const struct status *s)
{
    unsigned seen[STATUS_SPARE + 1] = {0};
    for (unsigned i = 0; i < s->n; i++) {
        if (!s->process[i].settled) return false;
        seen[s->process[i].role]++;
    }
    return seen[STATUS_MASTER] && seen[STATUS_BROKER] && seen[STATUS_WORKER];
}

void status_name(const struct status_process *p, char *out, size_t size)
{
    if (p->role == STATUS_WORKER)
        snprintf(out, size, "worker %llu", (unsigned long long)p->slot);
    else
        snprintf(out, size, "%s", roles[p->role]);
}
