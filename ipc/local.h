/*
 * local.h - Unix stream sockets by path, also where the path is longer than a socket address holds.
 */
#ifndef LOCAL_H
#define LOCAL_H

/* Listens at path (mode 0600), replacing what stood there; close-on-exec, non-blocking. -1: errno. */
int local_listen(const char *path);

/* Connects to path; blocking. -1: errno. */
int local_connect(const char *path);

/* The same two for packets (SOCK_SEQPACKET), as chan.h speaks them; the connection is non-blocking. */
int local_listen_packets(const char *path);
int local_connect_packets(const char *path);

#endif
