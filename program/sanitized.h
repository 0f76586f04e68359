/*
 * BM_SANITIZED: is this a build with AddressSanitizer, whose run time needs more of the kernel than our processes do? 1 or 0, for #if and not for
 * #ifdef: so a file that forgets this header does not compile (-Wundef), instead of taking every build for one without.
 */
#ifndef BM_PROGRAM_SANITIZED_H
#define BM_PROGRAM_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define BM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BM_SANITIZED 1
#endif
#endif

#ifndef BM_SANITIZED
#define BM_SANITIZED 0
#endif

#endif
