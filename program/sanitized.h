/* BM_SANITIZED: is this a build with AddressSanitizer, whose run time needs more of the kernel than our processes do? */
#ifndef BM_PROGRAM_SANITIZED_H
#define BM_PROGRAM_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define BM_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BM_SANITIZED 1
#endif
#endif

#endif
