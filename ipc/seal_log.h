/*
 * seal_log.h - in test builds, what a worker seals for the wire, so that a number used for two
 * plaintexts is noticed. Release builds contain nothing of this.
 *
 * The file named by CSMSG_SEALS gets one entry of SEAL_ENTRY bytes, with one write(2) in append
 * mode, for each of:
 *
 *   SEAL_SEALED   right before the commit that makes a record one that may be sent
 *   SEAL_LEAVES   right before send(2): all that is committed up to this position may leave
 *   SEAL_ADOPTED  a successor goes on with this key, from this number and this position
 *
 * Only committed bytes are ever sent. So a record whose worker died between its entry and its
 * commit never leaves, and its number is rightly used again: SEAL_ADOPTED tells, by a position before
 * its end, that it was not committed. Logged after the commit, the record of a worker that died in
 * between would be missing although it leaves. tests/tools/seals.py judges.
 *
 * An entry, integers little-endian: kind u8, 7 zero bytes, first 8 bytes of SHA-256 of the key, number
 * u64, first 8 bytes of SHA-256 of the plaintext (zero where there is none), position u64: of the
 * record's end in the stream of bytes to this client, else of the end of what is committed.
 */
#ifndef SEAL_LOG_H
#define SEAL_LOG_H

#ifdef FAULTS
#include "slab.h"

enum seal_kind { SEAL_SEALED = 1, SEAL_LEAVES, SEAL_ADOPTED };
enum { SEAL_ENTRY = 40 };

/* Before the sandbox. Without CSMSG_SEALS nothing is logged. */
void seal_log_open(void);
/* Bytes to which the sandbox must let files grow. */
uint64_t seal_log_max(void);
/* half: what is committed, with the key for SEAL_SEALED; plain is NULL unless SEAL_SEALED. */
void seal_log(enum seal_kind kind, const struct slab_half *half, const uint8_t *plain, size_t n);

#define SEAL_LOG(kind, half, plain, n) seal_log(kind, half, plain, n)
#else
#define SEAL_LOG(kind, half, plain, n) ((void)0)
#endif

#endif
