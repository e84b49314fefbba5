// What Linux has beside POSIX, as far as Swift's module of the C library lacks it.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct sockaddr;

// <sys/socket.h> declares it for those alone who ask for all extensions; included here, its other names would be hidden
// from whoever imports the C library.
extern int accept4(int descriptor, struct sockaddr *address, unsigned int *size, int flags);

extern long syscall(long number, ...);

// Has the calling thread alone give way to others: a nice value is one of a thread on Linux (setpriority(2)).
static inline void make_this_thread_nice(int value) {
    syscall(SYS_setpriority, 0 /* PRIO_PROCESS */, 0, value);
}

// Names the calling thread, for ps and profiles; up to 15 bytes.
static inline void name_this_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
