/* ask.h - an answer to the operator, in parts; between ask.c and the files of its orders. */
#ifndef ASK_H
#define ASK_H

#include <jansson.h>

#include "broker.h"

struct answer {
    struct broker *broker;
    uint64_t token;
    struct buf text;
};

/* One JSON object a line; takes the object. A part that is full leaves. */
void answer_line(struct answer *a, json_t *o);
void answer_error(struct answer *a, const char *code, const char *text);
/* For what the store has to say first: the same answer in memory of its own. */
struct answer *answer_later(struct answer *a);
/* Sends the last part of it. */
void answer_end(struct answer *a);

/* Takes the next word, and the blanks around it, from rest. */
struct slice ask_word(struct slice *rest);

/* An order: what stands behind the command. False: answer_later() was called, and somebody ends it. */
bool ask_role(struct answer *a, struct slice rest);
bool ask_user(struct answer *a, struct slice rest);
bool ask_lock(struct answer *a, struct slice rest);
bool ask_unlock(struct answer *a, struct slice rest);
bool ask_lobby(struct answer *a, struct slice rest);
bool ask_audit(struct answer *a, struct slice rest);

/* Of ask_groups.c, likewise. */
void ask_group_list(struct answer *a);
bool ask_group_show(struct answer *a, struct slice rest);
bool ask_group_delete(struct answer *a, struct slice rest);
/* Of ask_files.c. */
void ask_file_list(struct answer *a);
bool ask_file_show(struct answer *a, struct slice rest);
bool ask_file_delete(struct answer *a, struct slice rest);
/* Of a person in a group's log. */
const char *ask_group_role(uint8_t role);

#endif
