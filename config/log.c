/* log.c - one line per event on stderr, or to the terminal view. */
#include "config/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "config/require.h"

typedef void log_sink(enum log_level level, const char *line);

static atomic_int log_limit = LOG_INFO;
static _Atomic(log_sink *) log_destination;

void log_set_level(enum log_level level)
{
    require(level >= LOG_ERROR);
    require(level <= LOG_DEBUG);
    atomic_store(&log_limit, (int)level);
}

enum log_level log_level(void)
{
    return (enum log_level)atomic_load(&log_limit);
}

void log_set_sink(void (*sink)(enum log_level level, const char *line))
{
    atomic_store(&log_destination, sink);
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const prefix[] = {"error: ", "warning: ", "", ""};
    if ((int)level > atomic_load(&log_limit)) {
        return;
    }
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_sink *sink = atomic_load(&log_destination);
    if (sink) {
        sink(level, text);
    } else {
        fprintf(stderr, "zpreader: %s%s\n", prefix[level], text);
    }
}
