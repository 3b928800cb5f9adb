/* auth_ledger.h - which tags have shown lately that they hold their key, and which have not: when
 * to ask one again, and when to say that it failed.               layer: reader
 * A failure is reported at once, further ones of the same tag together once an interval: none is
 * lost. Of more tags than there is room for, those not tried for longest make room; failures of
 * theirs that were not yet reported go into one report without an EPC, once an interval too.
 * Nothing is allocated after auth_ledger_new. Time is a tick of any clock that does not go back. */
#ifndef READER_AUTH_LEDGER_H
#define READER_AUTH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

enum { AUTH_EPC_BYTES = 62 };

enum auth_outcome {
    AUTH_AUTHENTIC = 0,
    AUTH_WRONG_KEY, /* what it answered is not of the key */
    AUTH_REPLAYED,  /* of the key, but to another challenge */
    AUTH_TAMPERED,  /* right, but the data with it are not */
    AUTH_REFUSED,   /* it answered with an error code */
    AUTH_SILENT,    /* no answer, or none that could be read: says nothing about the key */
    AUTH_OUTCOME_N
};
extern const char *const auth_outcome_text[AUTH_OUTCOME_N]; /* for people */
extern const char *const auth_outcome_word[AUTH_OUTCOME_N]; /* in events: "wrong_key", ... */

struct auth_ledger_cfg {
    size_t n_tags;        /* 1 .. 1e6: room */
    int64_t fresh_ticks;  /* how long a tag that authenticated counts as authentic; >= 0 */
    int64_t retry_ticks;  /* a tag is asked again no sooner than this after it failed; >= 0 */
    int64_t report_ticks; /* between two reports of one tag; >= 0 */
};

struct auth_report {   /* failures since the report before, at least one */
    bool has_epc;      /* false: of n_tags tags that are no longer known */
    size_t n_epc_bits; /* has_epc */
    uint8_t epc[AUTH_EPC_BYTES];
    uint64_t n_tags;
    uint64_t n[AUTH_OUTCOME_N]; /* n[AUTH_AUTHENTIC] is 0 */
    enum auth_outcome last;
    int64_t first_tick, last_tick;
};

struct auth_ledger;

/*   err ST_NO_MEMORY */
enum status auth_ledger_new(const struct auth_ledger_cfg *cfg,
                            struct auth_ledger **ledger) must_check;
void auth_ledger_free(struct auth_ledger **ledger);

/* Is it time to ask this tag? Not while it is authentic, nor soon after a failure.
 *   in   epc packed, the last byte filled with zeros; n_epc_bits <= 8 AUTH_EPC_BYTES */
bool auth_ledger_is_due(const struct auth_ledger *ledger, const uint8_t *epc, size_t n_epc_bits,
                        int64_t now_tick);

/* It has authenticated in the last fresh_ticks, and neither failed since (silence aside). */
bool auth_ledger_is_authentic(const struct auth_ledger *ledger, const uint8_t *epc,
                              size_t n_epc_bits, int64_t now_tick);

/* When it did so last.   pre auth_ledger_is_authentic */
int64_t auth_ledger_authentic_tick(const struct auth_ledger *ledger, const uint8_t *epc,
                                   size_t n_epc_bits);

/* Note how an attempt ended.   pre now_tick no earlier than in any call before   cost O(1) */
void auth_ledger_note(struct auth_ledger *ledger, const uint8_t *epc, size_t n_epc_bits,
                      enum auth_outcome outcome, int64_t now_tick);

/* The next report that is due: call until false after notes, now and then, and with is_last at the
 * end of a run, when all are due.   out report   cost O(1) while none is due; the longest withheld
 * is told first */
bool auth_ledger_report(struct auth_ledger *ledger, int64_t now_tick, bool is_last,
                        struct auth_report *report);

#endif
