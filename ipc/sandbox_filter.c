/*
 * sandbox_filter.c - a policy of sandbox_rules.c as a seccomp filter: loaded, or exported for
 * tests.
 */
#include <errno.h>
#include <unistd.h>

#include "sandbox_rules.h"

static uint32_t action_of(enum sandbox_answer answer)
{
    switch (answer) {
    case SANDBOX_ALLOW: return SCMP_ACT_ALLOW;
    case SANDBOX_EACCES: return SCMP_ACT_ERRNO(EACCES);
    case SANDBOX_KILL: break;
    }
    return SCMP_ACT_KILL_PROCESS;
}

static int filter_add(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
    struct scmp_arg_cmp check[SANDBOX_CHECKS + 1];
    unsigned n = 0;
    while (n < SANDBOX_CHECKS && rule->check[n].op != 0) {
        check[n] = rule->check[n];
        n++;
    }
    if (rule->own_pid)
        check[n++] = (struct scmp_arg_cmp){0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
    return seccomp_rule_add_array(ctx, action_of(rule->answer), rule->nr, n, check);
}

static int filter_fill(scmp_filter_ctx ctx, const struct sandbox_policy *policy)
{
    /* A call through the 32-bit door ends like any other that is not listed. */
    int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0) rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    if (rc == 0) rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a line */
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; rc == 0 && i < policy->list[l].n; i++)
            rc = filter_add(ctx, &policy->list[l].rules[i]);
    return rc;
}

/* Builds the filter and hands it to use(); the context lives no longer than that. */
static int filter_with(const struct sandbox_policy *policy, int (*use)(scmp_filter_ctx, int),
                       int fd)
{
    scmp_filter_ctx ctx = seccomp_init(action_of(policy->otherwise));
    if (ctx == NULL) return -ENOSYS;
    int rc = filter_fill(ctx, policy);
    if (rc == 0) rc = use(ctx, fd);
    seccomp_release(ctx);
    return rc;
}

static int use_load(scmp_filter_ctx ctx, int fd)
{
    (void)fd;
    return seccomp_load(ctx);
}

static int use_export(scmp_filter_ctx ctx, int fd)
{
    return seccomp_export_bpf(ctx, fd);
}

int sandbox_filter_load(const struct sandbox_policy *policy)
{
    return filter_with(policy, use_load, -1);
}

int sandbox_export(enum sandbox_role role, int fd)
{
    int rc = filter_with(sandbox_policy(role, false), use_export, fd);
    if (rc < 0) errno = -rc;
    return rc < 0 ? -1 : 0;
}
