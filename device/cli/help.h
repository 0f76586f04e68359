/* The help texts. */
#ifndef BM_DEVICE_CLI_HELP_H
#define BM_DEVICE_CLI_HELP_H

#include "device/cli/options.h"

/* The text of a command's --help (BM_COMMAND_..._HELP), or that of the program itself. */
const char *bm_help_text(bm_command command);

#endif
