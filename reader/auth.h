/* auth.h - authorised reading: which tags are asked to authenticate, with which key and challenge,
 * and what is kept of it.                                                          layer: reader
 * Challenges: getrandom on radios that run in real time; elsewhere out of the run's seed, so that a
 * run repeats - they can be foreseen there, and prove nothing to anybody. */
#ifndef READER_AUTH_H
#define READER_AUTH_H

#include "config/option.h"
#include "protocol/proof.h"
#include "reader/auth_ledger.h"
#include "reader/keys.h"

struct auth_cfg {          /* option keys auth.* */
    char keys[LIMIT_TEXT]; /* key file; "": nobody is asked */
    double interval_s;     /* a tag that gave proof is asked again after this */
    double retry_s;        /* and one that failed */
    double report_s;       /* between two reports of one tag's failures */
    int64_t tries, n_tags_max;
    /* set by the program */
    int64_t seed; /* of the run */
};
extern const struct option_table auth_options;

/* The keys, and the seed. */
void auth_cfg_fill(const struct option_set *options, struct auth_cfg *cfg);

/* The key file, as keys_read; one that cannot be used is bad configuration.
 *   out  keys; NULL: no auth.keys
 *   err  ST_USAGE, ST_NO_MEMORY */
enum status auth_keys_read(const struct auth_cfg *cfg, struct keys **keys) must_check;

struct auth;

/*   in   keys; is_foreseeable: challenges out of the seed
 *   own  borrows keys until auth_free
 *   err  ST_NO_MEMORY; ST_UNSUPPORTED libcrypto */
enum status auth_new(const struct auth_cfg *cfg, const struct keys *keys, double rate_sps,
                     bool is_foreseeable, struct auth **auth) must_check;
void auth_free(struct auth **auth);

/* For the contact with a tag, and for operations. One thread. */
const struct proof_source *auth_source(struct auth *auth);
/* Who gave proof and who failed. */
struct auth_ledger *auth_ledger_of(struct auth *auth);

/* What a contact says of a tag.   pre end is not PROOF_NOT_ASKED */
enum auth_outcome auth_outcome_of(enum proof_end end, const struct suite_aes_answer *answer);

#endif
