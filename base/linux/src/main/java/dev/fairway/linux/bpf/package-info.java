// SPDX-License-Identifier: Apache-2.0
/// Programs that the kernel runs on packets and on system calls, `bpf(2)`.
///
/// A program is a list of [dev.fairway.linux.bpf.BpfInstruction] values, written with
/// [dev.fairway.linux.bpf.BpfAssembler]; it names its maps and the kernel's functions, so it is
/// pure and reads back as a listing. [dev.fairway.linux.bpf.BpfProgram] loads it, with the
/// verifier's words in the error. [dev.fairway.linux.bpf.BpfMap] holds what program and agent
/// share, by typed keys and values. [dev.fairway.linux.bpf.TcxHook] puts programs on links,
/// [dev.fairway.linux.bpf.CgroupHook] on control groups.
///
/// What is attached stays attached when its maker ends. The next one finds it by
/// [dev.fairway.linux.bpf.TcxHook#find] and replaces it in one step, so nothing needs a mounted
/// bpffs. No libbpf, no clang, no object files: programs of a few hundred instructions need none.
///
/// Limits: kernel functions are those of `vmlinux`, not of modules; no subprograms, no relocation
/// by kernel types.
@NullMarked
package dev.fairway.linux.bpf;

import org.jspecify.annotations.NullMarked;
