/* status.h - the only error enum and its texts.                       layer: config
 * Broken world (device, file, socket, configuration) is told by enum status; 0 = ok. */
#ifndef CONFIG_STATUS_H
#define CONFIG_STATUS_H

#define must_check __attribute__((warn_unused_result))

enum status {
    ST_OK = 0,
    ST_USAGE,       /* bad command line or configuration: exit status 2 */
    ST_RANGE,       /* a value lies outside what is accepted */
    ST_FORMAT,      /* malformed file, message or bit string */
    ST_SHORT,       /* input ends before the object does */
    ST_FULL,        /* no room; nothing was written */
    ST_NOT_FOUND,   /* no such file, device, key or name */
    ST_BUSY,        /* already in use (port, device) */
    ST_IO,          /* read, write or device failure */
    ST_TIMEOUT,     /* the other side stays silent */
    ST_END,         /* end of stream, orderly */
    ST_STOPPED,     /* stopped by request while waiting */
    ST_UNSUPPORTED, /* legal, but this object cannot do it */
    ST_NO_MEMORY,
    ST_COUNT
};

/* One or two words for a status.  own: static text, never NULL */
const char *status_text(enum status status);

/* Record why (thread-local, at most 511 characters, printf style) and return `status`:
 *     return status_fail(ST_RANGE, "%s:%d: key '%s' is %g, accepted 1..20", ...);
 * Say what, where and the accepted range. */
enum status status_fail(enum status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text recorded by the calling thread's last status_fail, "" when none.  own: thread-local */
const char *status_detail(void);

#endif
