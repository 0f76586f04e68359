/*
 * Problem documents (RFC 9457): how every refusal leaves the server, and how a client reads one.
 */
#ifndef BM_PROTOCOL_PROBLEM_H
#define BM_PROTOCOL_PROBLEM_H

#include "base/bytes.h"

/* A problem document as a client reads it. */
typedef struct {
    int status;
    char code[64];
    char title[256];
    char detail[512];
} bm_problem;

/* Appends the problem document of a result: type, title (the advice), status, code, and detail when there is one. */
BM_RESULT bm_problem_put(bm_result problem, bm_buf *body);

/* BM_E_SERVER_REPLY when the body is no problem document; its texts are cleaned of what could write on a terminal. */
BM_RESULT bm_problem_parse(bm_bytes body, bm_problem *problem);

#endif
