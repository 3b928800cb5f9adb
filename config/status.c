/* status.c - texts of the error enum and the thread-local reason. */
#include "config/status.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/require.h"

static const char *const status_texts[] = {
    [ST_OK] = "ok",
    [ST_USAGE] = "bad usage",
    [ST_RANGE] = "out of range",
    [ST_FORMAT] = "malformed",
    [ST_SHORT] = "too short",
    [ST_FULL] = "no room",
    [ST_NOT_FOUND] = "not found",
    [ST_BUSY] = "in use",
    [ST_IO] = "input/output error",
    [ST_TIMEOUT] = "timed out",
    [ST_END] = "end of stream",
    [ST_STOPPED] = "stopped",
    [ST_UNSUPPORTED] = "not supported",
    [ST_NO_MEMORY] = "out of memory",
};
_Static_assert(sizeof status_texts / sizeof *status_texts == ST_COUNT, "one text per status");

static _Thread_local char status_reason[512];

const char *status_text(enum status status)
{
    require((unsigned)status < ST_COUNT);
    return status_texts[status];
}

enum status status_fail(enum status status, const char *format, ...)
{
    require(status != ST_OK);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(status_reason, sizeof status_reason, format, arguments);
    va_end(arguments);
    return status;
}

const char *status_detail(void)
{
    return status_reason;
}
