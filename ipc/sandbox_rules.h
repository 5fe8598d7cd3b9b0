/*
 * sandbox_rules.h - the system call lists as data; private to sandbox*.c.
 *
 * A policy is an answer for whatever is not listed and up to two lists of rules. Rules for one
 * system call that name different arguments are alternatives: any one of them is enough.
 */
#ifndef SANDBOX_RULES_H
#define SANDBOX_RULES_H

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>

#include "sandbox.h"

enum sandbox_answer { SANDBOX_KILL, SANDBOX_ALLOW, SANDBOX_EACCES };

#define SANDBOX_CHECKS 2

struct sandbox_rule {
    int nr; /* SCMP_SYS() */
    enum sandbox_answer answer;
    struct scmp_arg_cmp check[SANDBOX_CHECKS]; /* all must hold; op 0 ends them */
    bool own_pid;                              /* and argument 0 must be our process id */
};

struct sandbox_list {
    const struct sandbox_rule *rules;
    size_t n;
};

struct sandbox_policy {
    enum sandbox_answer otherwise;
    struct sandbox_list list[2];
};

/* The policy of a role; static. relaxed: the short deny list that sanitizers and debuggers bear. */
const struct sandbox_policy *sandbox_policy(enum sandbox_role role, bool relaxed);

/* Puts a policy in force for every thread of the process. 0, or a negative errno. */
int sandbox_filter_load(const struct sandbox_policy *policy);

#endif
