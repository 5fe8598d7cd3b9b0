/*
 * fault.h - named points at which a test build dies, for tests that kill at exactly one moment.
 *
 * With CSMSG_FAULT=NAME in the environment the process dies of SIGKILL the first time it comes to
 * FAULT(dir, NAME); the file DIR/fault.NAME then keeps its successor from doing the same. With
 * CSMSG_FAULT=NAME:N it is the Nth time. Release builds contain nothing of this.
 */
#ifndef FAULT_H
#define FAULT_H

#ifdef FAULTS
void fault_point(const char *dir, const char *name);
#define FAULT(dir, name) fault_point(dir, name)
#else
#define FAULT(dir, name) ((void)0)
#endif

#endif
