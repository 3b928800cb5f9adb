/* log.h - one line per event on stderr.                               layer: config
 * stdout carries data only; everything said to a person goes here. Thread-safe, line-atomic. */
#ifndef CONFIG_LOG_H
#define CONFIG_LOG_H

enum log_level { LOG_ERROR = 0, LOG_WARNING = 1, LOG_INFO = 2, LOG_DEBUG = 3 };

/* Lines above `level` are dropped; the default is LOG_INFO. -q = LOG_WARNING, -v = LOG_DEBUG. */
void log_set_level(enum log_level level);
enum log_level log_level(void);

/* While a sink is set, lines go there instead of stderr (terminal view); NULL restores stderr. */
void log_set_sink(void (*sink)(enum log_level level, const char *line));

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
