/* accept.h - offered files that are fetched without asking: the config key auto_accept (config.h). */
#ifndef FACE_ACCEPT_H
#define FACE_ACCEPT_H

#include "../client_files.h"
#include "config.h"

/* Fetches every offer that a rule takes, into the folder of downloads. config: NULL: there are no rules. */
void accept_offers(const struct config *config, struct client *c, struct vault *v);

#endif
