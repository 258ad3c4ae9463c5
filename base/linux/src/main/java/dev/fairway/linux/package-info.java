// SPDX-License-Identifier: Apache-2.0
/// The one door to the Linux kernel: network namespaces, rtnetlink, sysctls, mounts, cgroups and
/// processes, by the foreign function interface and without starting `ip`, `nft` or `iptables`.
///
/// No other room links native symbols. What the kernel says is turned into typed values here, and
/// its known traps (interrupted dumps, lost answers, a namespace that sticks to a thread) are
/// solved here once.
///
/// Needs Linux 5.10 or later on a 64-bit machine and CAP_SYS_ADMIN plus CAP_NET_ADMIN for nearly
/// everything. [KernelFeatures] tells what the running kernel lacks.
///
/// Threads: netlink calls here never wait for another process, so they may be made from any thread.
/// Whatever must run inside another namespace runs on a platform thread that ends afterwards; see
/// [NetworkNamespace#call].
@NullMarked
package dev.fairway.linux;

import org.jspecify.annotations.NullMarked;
