/*
 * group_actor.h - may the author of an entry of a group's log write it? Which device it was, whether it was in
 * its account's list then, and who is an instructor (docs/sealed.md section 8).
 *
 * An instructor is who the class's anchor has signed as one (class.h), or this account itself. The server's word
 * for it counts only where nobody can come in by it: putting out anybody but an owner, muting, the topic, closing
 * the group. Functions that return int give -1 when the store failed.
 */
#ifndef CLIENT_GROUP_ACTOR_H
#define CLIENT_GROUP_ACTOR_H

#include "keyring.h"
#include "membership.h"

enum group_judgement {
    GROUP_JUDGED_STORE = -1, /* the store failed */
    GROUP_JUDGED_GOOD,       /* the log is longer by it */
    GROUP_JUDGED_SAID,       /* likewise, but that its author is an instructor, says the server alone */
    GROUP_JUDGED_UNKNOWN,    /* the list of devices of need has to be fetched first */
    GROUP_JUDGED_UNPROVEN,   /* it needs an instructor, and the class does not say that its author is one */
    GROUP_JUDGED_BAD,
};

/*
 * Judges the next entry of a log, and takes it. fresh: the name (in lower case) whose list the server has just
 * shown, NULL: none; who is not in that list will not be. need: of UNKNOWN.
 */
enum group_judgement group_judge(const struct keyring *k, struct membership *log, struct slice entry,
                                 const char *fresh, char need[NAME_SIZE]);

#endif
