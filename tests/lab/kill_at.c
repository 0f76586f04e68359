/*
 * kill-at NUMBER COUNT COMMAND...: runs a command, and kills it before its NUMBER-th change to files or sockets (0: never). The number of changes is written
 * to the file COUNT. Ends with 137 when it was killed, else as the command.
 */
#include "tests/lab/kill_at.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    unsigned changes = 0;
    char *end = NULL;
    unsigned long at;
    FILE *count;
    int status;
    pid_t pid;

    if (argc < 4)
        return 2;
    at = strtoul(argv[1], &end, 10);
    pid = fork();
    if (pid == 0) {
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void)execv(argv[3], argv + 3);
        _exit(127);
    }
    if (pid < 0 || *end != 0)
        return 2;
    status = kill_at_follow(pid, (unsigned)at, &changes);
    count = fopen(argv[2], "w");
    if (count == NULL || fprintf(count, "%u\n", changes) < 0 || fclose(count) != 0)
        return 2;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
