/* access_tags.c - which tag is it: by EPC, by what its EPC may have become, by TID. */
#include <string.h>

#include "config/require.h"
#include "protocol/access_parts.h"
#include "protocol/tid.h"

enum { EPC_AT_WORD = 2, EPC_AT_BIT = 32, PC_AT_WORD = 1, HIGGS_WORDS = 4 };

static bool bit_of(const uint8_t *packed, size_t index)
{
    return packed[index / 8] >> (7 - index % 8) & 1;
}

/* Masks before the EPC (StoredCRC, PC) are left to the tag. */
bool access_epc_fits(const struct access *access, const uint8_t *epc, size_t n_epc_bits)
{
    const struct access_mask *mask = &access->cfg.epc;
    for (size_t i = 0; i < mask->n_bits; i++) {
        size_t at = mask->pointer_bits + i;
        if (at < EPC_AT_BIT) {
            continue;
        }
        if (at - EPC_AT_BIT >= n_epc_bits ||
            bit_of(epc, at - EPC_AT_BIT) != bit_of(mask->mask, i)) {
            return false;
        }
    }
    return true;
}

bool access_tid_fits(const struct access *access, const uint16_t *word, size_t n_words)
{
    const struct access_mask *mask = &access->cfg.tid;
    for (size_t i = 0; i < mask->n_bits; i++) {
        size_t at = mask->pointer_bits + i;
        if (at >= 16 * n_words || (word[at / 16] >> (15 - at % 16) & 1) != bit_of(mask->mask, i)) {
            return false;
        }
    }
    return true;
}

size_t access_tid_unique(const uint16_t *word, size_t n_words)
{
    struct tid tid;
    if (n_words < 2 || tid_parse(word, n_words, &tid) != ST_OK) {
        return 0;
    }
    bool without_header = !tid.has_xtid && n_words >= HIGGS_WORDS && (word[2] || word[3]);
    return without_header || tid.serial_known ? n_words : 0;
}

/* May word `index` of the EPC be this one, once operations have begun? */
static bool word_may_be(const struct access *access, const struct access_job *job, size_t index,
                        unsigned word)
{
    if (16 * index < job->n_first_epc_bits &&
        (unsigned)(job->first_epc[2 * index] << 8 | job->first_epc[2 * index + 1]) == word) {
        return true;
    }
    for (size_t i = 0; i < access->cfg.n_ops; i++) {
        const struct access_op *op = &access->cfg.op[i];
        size_t at = EPC_AT_WORD + index;
        bool covers = access_op_changes_epc(op) && op->kind != ACCESS_OP_UNTRACEABLE &&
                      at >= op->pointer && at < (size_t)op->pointer + op->n_words;
        if (covers &&
            (op->kind == ACCESS_OP_BLOCK_ERASE ? 0u : op->word[at - op->pointer]) == word) {
            return true;
        }
    }
    return false;
}

static bool length_may_change(const struct access *access)
{
    for (size_t i = 0; i < access->cfg.n_ops; i++) {
        const struct access_op *op = &access->cfg.op[i];
        if (op->kind == ACCESS_OP_UNTRACEABLE ||
            (access_op_changes_epc(op) && op->pointer <= PC_AT_WORD)) {
            return true;
        }
    }
    return false;
}

static bool epc_may_be(const struct access *access, const struct access_job *job,
                       const uint8_t *epc, size_t n_epc_bits)
{
    const size_t n_words = n_epc_bits / 16;
    if (!job->has_begun || n_words == 0 ||
        (n_epc_bits != job->n_first_epc_bits && !length_may_change(access))) {
        return false;
    }
    for (size_t i = 0; i < n_words; i++) {
        if (!word_may_be(access, job, i, (unsigned)(epc[2 * i] << 8 | epc[2 * i + 1]))) {
            return false;
        }
    }
    return true;
}

struct access_job *access_job_by_epc(struct access *access, const uint8_t *epc, size_t n_epc_bits)
{
    for (size_t i = 0; i < access->n_jobs; i++) {
        struct access_job *job = &access->jobs[i];
        if (job->n_epc_bits == n_epc_bits && memcmp(job->epc, epc, n_epc_bits / 8) == 0) {
            return job;
        }
    }
    for (size_t i = 0; i < access->n_jobs; i++) {
        if (epc_may_be(access, &access->jobs[i], epc, n_epc_bits)) {
            return &access->jobs[i];
        }
    }
    return NULL;
}

struct access_job *access_job_by_tid(struct access *access, const uint16_t *word, size_t n_words)
{
    for (size_t i = 0; i < access->n_jobs && n_words > 0; i++) {
        struct access_job *job = &access->jobs[i];
        if (job->n_tid_words == n_words && memcmp(job->tid, word, n_words * sizeof *word) == 0) {
            return job;
        }
    }
    return NULL;
}

struct access_job *access_job_new(struct access *access, const uint8_t *epc, size_t n_epc_bits)
{
    require(n_epc_bits <= LIMIT_EPC_BITS);
    if (access->n_jobs == access->cfg.n_tags_max) {
        access->n_turned_away++;
        return NULL;
    }
    struct access_job *job = &access->jobs[access->n_jobs];
    memset(job, 0, sizeof *job);
    job->progress = &access->progress[access->n_jobs * access->cfg.n_ops];
    memcpy(job->first_epc, epc, n_epc_bits / 8);
    memcpy(job->epc, epc, n_epc_bits / 8);
    job->n_epc_bits = job->n_first_epc_bits = n_epc_bits;
    access->n_jobs++;
    return job;
}
