/* The command line: one table of options for all commands, parsed in one place. */
#ifndef BM_CTL_OPTIONS_H
#define BM_CTL_OPTIONS_H

#include "ctl/ctl.h"

/*
 * Parses the options, wherever they stand, and finds the command: `command` is NULL when there are no words. `ctl` points into argv,
 * which is reordered. BM_E_USAGE: an unknown option or command; options are not yet held against the command (bm_ctl_options_check).
 */
BM_RESULT bm_ctl_options_parse(int argc, char **argv, const bm_ctl_command *commands, size_t count, bm_ctl *ctl,
                               const bm_ctl_command **command);

/* BM_E_USAGE: an option that the command does not have, one missing that it needs, too few or too many arguments. */
BM_RESULT bm_ctl_options_check(const bm_ctl *ctl, const bm_ctl_command *command);

/* Prints the usage of a command with its options. */
void bm_ctl_options_help(const bm_ctl_command *command);

#endif
