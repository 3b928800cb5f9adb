/* vector.h - the same loop compiled twice, the CPU's better one chosen at load.       layer: config
 * For functions whose time goes into loops over samples that the compiler vectorises. Both versions
 * round alike: no fused multiply-add, no reordering, so results do not depend on the machine. */
#ifndef CONFIG_VECTOR_H
#define CONFIG_VECTOR_H

/* Sanitizers' runtimes are not there yet when the choice is made. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) &&   \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__AVX2__)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

#endif
