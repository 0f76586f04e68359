#include "device/talk/sink.h"

#include <stddef.h>

static _Thread_local const bm_sink *current;

const bm_sink *bm_sink_use(const bm_sink *sink)
{
    const bm_sink *before = current;

    current = sink;
    return before;
}

const bm_sink *bm_sink_current(void)
{
    return current;
}

void bm_sink_tell(const bm_sink_event *event)
{
    if (current != NULL && current->tell != NULL)
        current->tell(current->context, event);
}

bool bm_sink_stops(void)
{
    return current != NULL && current->stops != NULL && current->stops(current->context);
}
