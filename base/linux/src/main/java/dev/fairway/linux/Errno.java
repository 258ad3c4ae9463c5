// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

/// The kernel's error numbers that callers decide on, and names for those that people read
/// (`asm-generic/errno-base.h`, `asm-generic/errno.h`).
public final class Errno {
  public static final int EPERM = 1;
  public static final int ENOENT = 2;
  public static final int ESRCH = 3;
  public static final int EINTR = 4;
  public static final int E2BIG = 7;
  public static final int EBADF = 9;
  public static final int EAGAIN = 11;
  public static final int EACCES = 13;
  public static final int EBUSY = 16;
  public static final int EEXIST = 17;
  public static final int ENODEV = 19;
  public static final int EINVAL = 22;
  public static final int ERANGE = 34;
  public static final int EMSGSIZE = 90;
  public static final int ENOPROTOOPT = 92;
  public static final int EPROTONOSUPPORT = 93;
  public static final int EOPNOTSUPP = 95;
  public static final int EAFNOSUPPORT = 97;
  public static final int EADDRINUSE = 98;
  public static final int EADDRNOTAVAIL = 99;
  public static final int ENETDOWN = 100;
  public static final int ENOBUFS = 105;
  public static final int ECONNABORTED = 103;
  public static final int ENOTCONN = 107;
  public static final int ETIMEDOUT = 110;
  public static final int ECONNREFUSED = 111;
  public static final int EHOSTUNREACH = 113;
  public static final int EINPROGRESS = 115;

  private Errno() {}

  /// The symbol, `EEXIST` for 17, or `errno` where this table has none.
  public static String name(int errno) {
    return switch (errno) {
      case 1 -> "EPERM";
      case 2 -> "ENOENT";
      case 3 -> "ESRCH";
      case 4 -> "EINTR";
      case 5 -> "EIO";
      case 6 -> "ENXIO";
      case 7 -> "E2BIG";
      case 8 -> "ENOEXEC";
      case 9 -> "EBADF";
      case 10 -> "ECHILD";
      case 11 -> "EAGAIN";
      case 12 -> "ENOMEM";
      case 13 -> "EACCES";
      case 14 -> "EFAULT";
      case 15 -> "ENOTBLK";
      case 16 -> "EBUSY";
      case 17 -> "EEXIST";
      case 18 -> "EXDEV";
      case 19 -> "ENODEV";
      case 20 -> "ENOTDIR";
      case 21 -> "EISDIR";
      case 22 -> "EINVAL";
      case 23 -> "ENFILE";
      case 24 -> "EMFILE";
      case 27 -> "EFBIG";
      case 28 -> "ENOSPC";
      case 30 -> "EROFS";
      case 31 -> "EMLINK";
      case 34 -> "ERANGE";
      case 36 -> "ENAMETOOLONG";
      case 38 -> "ENOSYS";
      case 39 -> "ENOTEMPTY";
      case 40 -> "ELOOP";
      case 75 -> "EOVERFLOW";
      case 90 -> "EMSGSIZE";
      case 92 -> "ENOPROTOOPT";
      case 93 -> "EPROTONOSUPPORT";
      case 95 -> "EOPNOTSUPP";
      case 97 -> "EAFNOSUPPORT";
      case 98 -> "EADDRINUSE";
      case 99 -> "EADDRNOTAVAIL";
      case 100 -> "ENETDOWN";
      case 101 -> "ENETUNREACH";
      case 104 -> "ECONNRESET";
      case 105 -> "ENOBUFS";
      case 107 -> "ENOTCONN";
      case 110 -> "ETIMEDOUT";
      case 111 -> "ECONNREFUSED";
      case 113 -> "EHOSTUNREACH";
      default -> "errno";
    };
  }

  /// A few plain words on what the number means.
  static String meaning(int errno) {
    return switch (errno) {
      case 1 -> "not permitted";
      case 2 -> "not found";
      case 3 -> "no such process or object";
      case 4 -> "interrupted";
      case 11 -> "try again";
      case 12 -> "out of memory";
      case 13 -> "access denied";
      case 16 -> "busy";
      case 17 -> "exists already";
      case 19 -> "no such device";
      case 20 -> "not a directory";
      case 22 -> "invalid argument";
      case 23, 24 -> "too many open files";
      case 28 -> "no space left";
      case 30 -> "read-only file system";
      case 34 -> "out of range";
      case 38 -> "not in this kernel";
      case 39 -> "not empty";
      case 90 -> "message too long";
      case 98 -> "address in use";
      case 92, 93, 95, 97 -> "not supported by this kernel";
      case 99 -> "address not available";
      case 100, 101 -> "network unreachable";
      case 104 -> "connection reset";
      case 105 -> "out of buffer space";
      case 110 -> "timed out";
      case 111 -> "connection refused";
      case 113 -> "no route";
      default -> "see errno(3)";
    };
  }
}
