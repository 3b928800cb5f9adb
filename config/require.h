/* require.h - the two assertion tiers.                                layer: config
 * require():     broken caller; stays on in every build, aborts with file, line and expression.
 * require_sig(): per-sample signal values; debug builds only, because it costs per sample.
 * Untrusted input (bits, files, sockets) is never asserted: it gets a status or a verdict. */
#ifndef CONFIG_REQUIRE_H
#define CONFIG_REQUIRE_H

#include <stdio.h>
#include <stdlib.h>

#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: require(%s) failed in %s\n", __FILE__, __LINE__, #condition,   \
                    __func__);                                                                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#ifdef ZP_DEBUG_SIGNAL
#define require_sig(condition) require(condition)
#else
#define require_sig(condition) ((void)0)
#endif

#endif
