/* args.c - see args.h. */
#include "args.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "wire.h"

struct row {
    const char *name, *argument; /* argument NULL: a switch */
    size_t offset;               /* of a const char * or a bool in struct args */
    const char *help;
};

static const struct row rows[] = {
    {"server", "HOST[:PORT]", offsetof(struct args, server),
     "the server; default: the only one known, else localhost:5130"},
    {"user", "NAME", offsetof(struct args, user), "your name; default: the only one in the home"},
    {"home", "DIR", offsetof(struct args, home),
     "where keys and messages are; default: $XDG_DATA_HOME/csmsg"},
    {"accept-new", NULL, offsetof(struct args, accept_new),
     "trust a server that was never seen before"},
    {"wait", "STATE", offsetof(struct args, wait),
     "send: wait for accepted (default) or delivered"},
    {"count", "N", offsetof(struct args, count), "tail: end after N messages; read, search: so many (also -n N)"},
    {"since", "TIME", offsetof(struct args, since), "read, search: 30m, 2h, 7d back, or from a day such as 2024-10-10"},
    {"in", "ROOM", offsetof(struct args, in), "search: in this room, or with this person"},
    {"fetch", NULL, offsetof(struct args, fetch), "read: asks the server for what of #lobby is not here"},
    {"name", "NAME", offsetof(struct args, name), "put: the name that the recipients see"},
    {"timeout", "S", offsetof(struct args, timeout), "give up after so many seconds"},
    {"yes", NULL, offsetof(struct args, yes), "the answer to what is asked: keys verify, keys paper, keys revoke"},
    {"password-file", "FILE", offsetof(struct args, password_file),
     "the passphrase of a locked store is the first line of this file"},
    {"password-command", "CMD", offsetof(struct args, password_command),
     "the same, of what this command writes"},
    {"paper", NULL, offsetof(struct args, paper), "device add: by the 24 words of the paper key"},
    {"with-account-key", NULL, offsetof(struct args, with_account_key),
     "device admit: the new device may admit and revoke others, too"},
    {"read-receipts", NULL, offsetof(struct args, read_receipts),
     "tell senders what you have read, if they tell you, and see what others have"},
    {"config", "FILE", offsetof(struct args, config_file),
     "the config file; default: $XDG_CONFIG_HOME/csmsg/config"},
    {"profile", "NAME", offsetof(struct args, profile), "use the [profile NAME] of the config file, too"},
    {"json", NULL, offsetof(struct args, json), "write one JSON object a line"},
    {"quiet", NULL, offsetof(struct args, quiet), "say nothing but errors"},
    {"verbose", NULL, offsetof(struct args, verbose), "say more about the connection"},
    {"no-color", NULL, offsetof(struct args, no_color), "no colours (NO_COLOR does the same)"},
    {"plain", NULL, offsetof(struct args, plain), "talk in lines, without the full screen"},
    {"theme", "NAME", offsetof(struct args, theme), "colours of the full screen: auto, dark, light, ansi, none"},
    {"help", NULL, offsetof(struct args, help), "show this help and exit"},
    {"version", NULL, offsetof(struct args, version), "show the version and exit"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const struct row *find(const char *name, size_t len)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == len && memcmp(rows[i].name, name, len) == 0) return &rows[i];
    return NULL;
}

static int unknown(const char *name, size_t len, struct why *why)
{
    struct name_near near;
    char safe[40];
    size_t n = 0;
    for (; n < len && n < sizeof safe - 1; n++)
        safe[n] = isprint((unsigned char)name[n]) ? name[n] : '?';
    safe[n] = '\0';
    name_near_start(&near, name, len);
    for (size_t i = 0; i < ROWS; i++)
        name_near_offer(&near, rows[i].name, strlen(rows[i].name));
    why_set(why, "unknown option \"--%s\"", safe);
    if (near.n)
        why_hint(why, "did you mean --%s?", near.name[0]);
    else
        why_hint(why, NAME " --help lists the options; -- ends them");
    return -1;
}

/* Takes one option; *next is the argument after it. 1: it took that too, 0: not, -1: wrong. */
static int take(struct args *o, const char *text, const char *next, struct why *why)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);
    const struct row *row = find(text, len);
    if (!row) return unknown(text, len, why);
    if (!row->argument) {
        if (equals) {
            why_set(why, "--%s takes no argument", row->name);
            return -1;
        }
        *(bool *)((char *)o + row->offset) = true;
        return 0;
    }
    const char *value = equals ? equals + 1 : next;
    if (!value) {
        why_set(why, "--%s needs an argument: --%s %s", row->name, row->name, row->argument);
        return -1;
    }
    *(const char **)((char *)o + row->offset) = value;
    return !equals;
}

static int numbers(struct args *o, struct why *why)
{
    char *end;
    if (o->count) {
        errno = 0;
        o->messages = strtol(o->count, &end, 10);
        if (errno || *end || end == o->count || o->messages < 1) {
            why_set(why, "--count must be a number from 1");
            return -1;
        }
    }
    if (o->timeout) {
        errno = 0;
        double s = strtod(o->timeout, &end);
        if (errno || *end || end == o->timeout || !(s >= 0 && s < 1e9)) {
            why_set(why, "--timeout must be a number of seconds");
            return -1;
        }
        o->timeout_ms = (int64_t)(s * 1000);
    }
    if (o->wait && strcmp(o->wait, "accepted") != 0 && strcmp(o->wait, "delivered") != 0) {
        why_set(why, "--wait must be accepted or delivered");
        return -1;
    }
    return 0;
}

int args_parse(int argc, char *const argv[], struct args *o, struct why *why)
{
    *o = (struct args){.timeout_ms = -1};
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        const char *text = argv[i];
        if (!ended && strcmp(text, "--") == 0) {
            ended = true;
        } else if (!ended && strcmp(text, "-h") == 0) {
            o->help = true;
        } else if (!ended && text[0] == '-' && (text[1] == '-' || strcmp(text, "-n") == 0)) {
            int r = take(o, text[1] == '-' ? text + 2 : "count", i + 1 < argc ? argv[i + 1] : NULL, why);
            if (r < 0) return -1;
            i += r;
        } else if (!ended && text[0] == '-' && text[1]) {
            why_set(why, "unknown option \"-%c\"", isprint((unsigned char)text[1]) ? text[1] : '?');
            why_hint(why, "options have long names; -- before a text that starts with a dash");
            return -1;
        } else if (o->operands == ARGS_OPERANDS) {
            why_set(why, "too many words: put the text in quotes");
            return -1;
        } else {
            o->operand[o->operands++] = text;
        }
    }
    return numbers(o, why);
}

/* One option that was not given, from the key of its name. */
static void fill(struct args *o, const struct row *row, const struct config_values *v)
{
    const struct conf_key *k = config_find(row->name);
    if (!k) return; /* of one run alone, such as --yes */
    void *at = (char *)o + row->offset;
    const void *value = (const char *)v + k->offset;
    if (k->type == CONF_BOOL) {
        *(bool *)at |= *(const bool *)value;
    } else if (k->type == CONF_TIME) {
        if (o->timeout_ms < 0 && *(const uint64_t *)value) o->timeout_ms = (int64_t)*(const uint64_t *)value;
    } else if (!*(const char **)at) {
        const char *text = k->type == CONF_WORD ? k->words[*(const unsigned *)value] : value;
        if (*text) *(const char **)at = text;
    }
}

void args_configure(struct args *o, struct config *config)
{
    o->config = config;
    for (size_t i = 0; i < ROWS; i++)
        fill(o, &rows[i], &config->v);
}

const char *args_option(size_t i, const char **argument)
{
    *argument = i < ROWS ? rows[i].argument : NULL;
    return i < ROWS ? rows[i].name : "";
}

const char *args_option_help(size_t i)
{
    return rows[i].help;
}

void args_help(struct buf *out)
{
    for (size_t i = 0; i < ROWS; i++) {
        char left[64], line[200];
        snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        int n = snprintf(line, sizeof line, "  %-23s %s\n", left, rows[i].help);
        buf_put(out, line, (size_t)n);
    }
}

static bool port_ok(const char *port)
{
    char *end;
    long n = strtol(port, &end, 10);
    return isdigit((unsigned char)port[0]) && !*end && n >= 1 && n <= 65535;
}

int args_server(const char *text, char host[256], char port[8])
{
    const char *first = strchr(text, ':'), *last = strrchr(text, ':'), *bracket = NULL;
    const char *begin = text, *end = text + strlen(text), *number = NULL;
    if (text[0] == '[') {
        bracket = strchr(text, ']');
        if (!bracket || (bracket[1] && bracket[1] != ':')) return -1;
        begin = text + 1;
        end = bracket;
        if (bracket[1]) number = bracket + 2;
    } else if (first && first == last) {
        end = first;
        number = first + 1;
    } /* several colons: a bare IPv6 address */
    if (end == begin || end - begin > 255) return -1;
    if (number && !port_ok(number)) return -1;
    snprintf(host, 256, "%.*s", (int)(end - begin), begin);
    if (number)
        snprintf(port, 8, "%s", number);
    else
        snprintf(port, 8, "%d", WIRE_PORT);
    return 0;
}
