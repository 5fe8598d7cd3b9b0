/* verbs.h - the commands of the program: one table makes dispatch and help. */
#ifndef FACE_VERBS_H
#define FACE_VERBS_H

#include "exits.h"
#include "args.h"

struct verb {
    const char *name, *usage, *help, *example;
    enum face_exit (*run)(const struct args *o);
    bool bare; /* runs whatever the config file says, and reads none */
};

/* NULL name ends it. */
extern const struct verb verbs[];

enum face_exit verb_send(const struct args *o);
enum face_exit verb_tail(const struct args *o);
enum face_exit verb_who(const struct args *o);
enum face_exit verb_why(const struct args *o);
enum face_exit verb_put(const struct args *o);
enum face_exit verb_get(const struct args *o);
enum face_exit verb_files(const struct args *o);
enum face_exit verb_decline(const struct args *o);
enum face_exit verb_group(const struct args *o);
enum face_exit verb_keys(const struct args *o);
enum face_exit verb_device(const struct args *o);
enum face_exit verb_class(const struct args *o);
enum face_exit verb_read(const struct args *o);
enum face_exit verb_search(const struct args *o);
enum face_exit verb_export(const struct args *o);
enum face_exit verb_rooms(const struct args *o);
enum face_exit verb_inbox(const struct args *o);
enum face_exit verb_init(const struct args *o);
enum face_exit verb_doctor(const struct args *o);
enum face_exit verb_completion(const struct args *o);
enum face_exit verb_config(const struct args *o);
enum face_exit verb_help(const struct args *o);
/* No command: the conversation in a terminal or from a pipe. */
enum face_exit verb_chat(const struct args *o);

/* The program, without main(). */
int face_main(int argc, char *argv[]);

#endif
