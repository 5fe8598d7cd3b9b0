/* admit.c - see admit.h. */
#include "admit.h"

#include <ctype.h>
#include <string.h>

static void say_may(struct chat *c, enum client_may may)
{
    switch (may) {
    case CLIENT_NOT_CONNECTED:
        chat_error(c, "not connected", "it is tried again by itself; /reconnect tries at once");
        return;
    case CLIENT_NO_ACCOUNT_KEY:
        chat_error(c, "this device cannot admit others: it does not hold the account's key",
                   "use the device that the account began on, or the paper key");
        return;
    case CLIENT_NOBODY_ASKS:
        chat_error(c, "no new device is at that point now", "on the new device: " NAME " device add");
        return;
    default: return;
    }
}

/* A code is eight digits, perhaps with a blank or a dash between. */
static bool take_code(const char *rest, char code[ADMIT_CODE], const char **behind)
{
    size_t n = 0;
    for (; *rest && (isdigit((unsigned char)*rest) || *rest == ' ' || *rest == '-') && n < ADMIT_CODE - 1; rest++)
        if (isdigit((unsigned char)*rest)) code[n++] = *rest;
    code[n] = '\0';
    *behind = rest;
    return n > 0;
}

void admit_order(struct chat *c, const char *rest)
{
    char code[ADMIT_CODE];
    const char *behind;
    if (strcmp(rest, "no") == 0) {
        c->ops->admit_end(c->arg);
        chat_print(c, "*** nobody was admitted");
    } else if (!rest[0]) {
        say_may(c, c->ops->admit(c->arg));
    } else if (!take_code(rest, code, &behind) || (*behind && strcmp(behind, "with-account-key") != 0)) {
        chat_error(c, "not a code", "/admit 1234 5678, as the new device shows it");
    } else {
        say_may(c, c->ops->admit_code(c->arg, code, *behind));
    }
}

void admit_event(struct chat *c, const struct client_event *e)
{
    switch (e->device.what) {
    case CLIENT_DEVICE_ASKS:
        chat_print(c, "*** a new device wants to be one of yours, and to read what is sent to you from then on;\n"
                      "*** is it yours, and in front of you? /admit lets it show a code, /admit no sends it away");
        return;
    case CLIENT_DEVICE_CODE: chat_print(c, "*** the new device shows a code: /admit CODE"); return;
    case CLIENT_DEVICE_RIGHT: chat_print(c, "*** the code is right: say yes on the new device"); return;
    case CLIENT_DEVICE_ADDED:
        chat_print(c, "*** %016llx is a device of yours now", (unsigned long long)e->device.device);
        return;
    case CLIENT_DEVICE_REVOKED:
        chat_print(c, "*** %016llx is revoked", (unsigned long long)e->device.device);
        return;
    case CLIENT_DEVICE_ENDED: chat_print(c, "*** nobody was admitted: %s", e->device.words); return;
    }
}
