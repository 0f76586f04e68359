/* The user that birthmarkd runs as when root starts it. */
#ifndef BM_SERVER_MONITOR_USER_H
#define BM_SERVER_MONITOR_USER_H

#include "base/bytes.h"

/*
 * Becomes the user of this name or number, with its groups, for good: there is no way back to root. Nothing is done when it is who runs already.
 * BM_E_USAGE: there is no such user; BM_E_IO: only root can become another.
 */
BM_RESULT bm_monitor_user_become(const char *name);

#endif
