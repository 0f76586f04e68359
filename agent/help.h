/* The help texts. */
#ifndef BM_AGENT_HELP_H
#define BM_AGENT_HELP_H

#include "agent/options.h"

/* The text of a command's --help (BM_COMMAND_..._HELP), or that of the program itself. */
const char *bm_help_text(bm_command command);

#endif
