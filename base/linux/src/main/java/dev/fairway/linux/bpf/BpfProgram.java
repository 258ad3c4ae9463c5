// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.BpfCall;
import dev.fairway.linux.Errno;
import dev.fairway.linux.Fd;
import dev.fairway.linux.KernelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// A program that the kernel has taken. Closing lets go of it; where it is attached it goes on.
public final class BpfProgram implements AutoCloseable {
  private static final int PROG_LOAD = 5;
  private static final int OBJ_PIN = 6;
  private static final int OBJ_GET = 7;
  private static final int PROG_GET_FD_BY_ID = 13;
  private static final int OBJ_GET_INFO_BY_FD = 15;

  /// Helpers and kernel functions that touch packets are only for programs of this licence.
  private static final String LICENSE = "GPL";

  private static final int LOG_BYTES = 1 << 20;
  private static final int SHOWN_LOG_CHARS = 4000;
  private static final int LONGEST_NAME = 15;

  /// `MAX_USED_MAPS`
  private static final int MOST_MAPS = 64;

  /// What a program is run for, with the place it is to be attached to: `enum bpf_prog_type`, `enum
  /// bpf_attach_type`.
  public enum Kind {
    LINK_INGRESS(3, 46),
    LINK_EGRESS(3, 47),
    CGROUP_CONNECT_IPV4(18, 10),
    CGROUP_CONNECT_IPV6(18, 11),
    CGROUP_SEND_IPV4(18, 14),
    CGROUP_SEND_IPV6(18, 15),
    CGROUP_RECEIVE_IPV4(18, 19),
    CGROUP_RECEIVE_IPV6(18, 20),
    CGROUP_PEER_NAME_IPV4(18, 29),
    CGROUP_PEER_NAME_IPV6(18, 30);

    final int program;
    final int attachment;

    Kind(int program, int attachment) {
      this.program = program;
      this.attachment = attachment;
    }
  }

  private final Fd fd;
  private final Kind kind;
  private final String name;

  private BpfProgram(Fd fd, Kind kind, String name) {
    this.fd = fd;
    this.kind = kind;
    this.name = name;
  }

  /// What a program shares, by the names in its code.
  public static final class Objects {
    private final Map<String, Integer> descriptors = new HashMap<>();

    public Objects with(BpfMap<?, ?> map) {
      descriptors.put(map.name(), map.fd().number());
      return this;
    }

    public Objects with(BpfCounters counters) {
      descriptors.put(counters.name(), counters.fd().number());
      return this;
    }

    private int descriptor(String name) {
      Integer found = descriptors.get(name);
      if (found == null) {
        throw new IllegalArgumentException("the code names map " + name + ", which is not given");
      }
      return found;
    }
  }

  /// Has the kernel verify and take a program.
  ///
  /// @param name for those who look; the kernel keeps 15 characters
  /// @throws KernelException with the end of the verifier's words if it refuses; ENOENT if the code
  ///   calls a function that this kernel has not
  public static BpfProgram load(Kind kind, String name, BpfCode code, Objects objects) {
    return load(kind, name, code, objects, kernelFunctions(code));
  }

  /// As above, for several programs.
  ///
  /// @param functions of [#kernelFunctions], at least for this code
  public static BpfProgram load(
      Kind kind, String name, BpfCode code, Objects objects, Map<String, Integer> functions) {
    for (String function : code.kernelFunctions()) {
      if (!functions.containsKey(function)) {
        throw new KernelException(
            "BPF_PROG_LOAD", Errno.ENOENT, name, "this kernel has no function " + function);
      }
    }
    List<Long> words =
        code.encode(objects::descriptor, function -> functions.getOrDefault(function, 0));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment instructions = arena.allocate(8L * words.size(), 8);
      for (int i = 0; i < words.size(); i++) {
        instructions.setAtIndex(JAVA_LONG, i, words.get(i));
      }
      MemorySegment attributes = arena.allocate(128, 8);
      attributes.set(JAVA_INT, 0, kind.program);
      attributes.set(JAVA_INT, 4, words.size());
      attributes.set(JAVA_LONG, 8, instructions.address());
      attributes.set(JAVA_LONG, 16, arena.allocateFrom(LICENSE).address());
      attributes.setString(48, shortName(name));
      attributes.set(JAVA_INT, 68, kind.attachment);
      try {
        return new BpfProgram(
            BpfCall.open(PROG_LOAD, "BPF_PROG_LOAD", attributes, name), kind, name);
      } catch (KernelException e) {
        throw explained(e, attributes, name);
      }
    }
  }

  /// The numbers of the kernel's functions that some code calls. To find them means to read some
  /// megabytes.
  ///
  /// @throws KernelException ENOENT if the kernel does not describe its types, or not as known here
  public static Map<String, Integer> kernelFunctions(BpfCode... codes) {
    Set<String> names = new HashSet<>();
    for (BpfCode code : codes) {
      names.addAll(code.kernelFunctions());
    }
    if (names.isEmpty()) {
      return Map.of();
    }
    try {
      return KernelTypes.ofRunningKernel().functions(names);
    } catch (IllegalArgumentException e) {
      throw new KernelException(
          "BPF_PROG_LOAD", Errno.ENOENT, "functions of the kernel", String.valueOf(e.getMessage()));
    }
  }

  /// The kernel writes down why only if asked, which costs; so it is asked the second time.
  private static KernelException explained(
      KernelException refused, MemorySegment attributes, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment log = arena.allocate(LOG_BYTES);
      attributes.set(JAVA_INT, 24, 1);
      attributes.set(JAVA_INT, 28, LOG_BYTES);
      attributes.set(JAVA_LONG, 32, log.address());
      try {
        BpfCall.open(PROG_LOAD, "BPF_PROG_LOAD", attributes, name).close();
        return refused;
      } catch (KernelException again) {
        String words = log.getString(0).strip();
        int from = Math.max(0, words.length() - SHOWN_LOG_CHARS);
        return new KernelException(
            "BPF_PROG_LOAD", refused.errno(), name, "the verifier said: " + words.substring(from));
      }
    }
  }

  /// The program of that number, empty if it is gone.
  static Optional<BpfProgram> byId(int id, Kind kind) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(16, 8);
      attributes.set(JAVA_INT, 0, id);
      Fd fd = BpfCall.open(PROG_GET_FD_BY_ID, "BPF_PROG_GET_FD_BY_ID", attributes, "program " + id);
      return Optional.of(new BpfProgram(fd, kind, described(fd).name));
    } catch (KernelException e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /// The program that was pinned at a path.
  ///
  /// @throws KernelException ENOENT if there is none
  public static BpfProgram pinned(Path path, Kind kind) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(16, 8);
      attributes.set(JAVA_LONG, 0, arena.allocateFrom(path.toString()).address());
      Fd fd = BpfCall.open(OBJ_GET, "BPF_OBJ_GET", attributes, path.toString());
      return new BpfProgram(fd, kind, described(fd).name);
    }
  }

  /// Gives it a name in a bpffs, which keeps it alive until the file is deleted.
  public void pin(Path path) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(16, 8);
      attributes.set(JAVA_LONG, 0, arena.allocateFrom(path.toString()).address());
      attributes.set(JAVA_INT, 8, fd.number());
      BpfCall.call(OBJ_PIN, "BPF_OBJ_PIN", attributes, path.toString());
    }
  }

  private record Description(int id, String name) {}

  /// `struct bpf_prog_info`
  private static Description described(Fd fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment told = arena.allocate(80, 8);
      describe(arena, fd, told);
      return new Description(told.get(JAVA_INT, 4), told.getString(64));
    }
  }

  /// Has the kernel describe a program or a map.
  static void describe(Arena arena, Fd fd, MemorySegment told) {
    MemorySegment attributes = arena.allocate(16, 8);
    attributes.set(JAVA_INT, 0, fd.number());
    attributes.set(JAVA_INT, 4, (int) told.byteSize());
    attributes.set(JAVA_LONG, 8, told.address());
    BpfCall.call(OBJ_GET_INFO_BY_FD, "BPF_OBJ_GET_INFO_BY_FD", attributes, "an object");
  }

  /// The kernel's numbers for the maps it uses.
  int[] maps() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment told = arena.allocate(80, 8);
      MemorySegment ids = arena.allocate(4L * MOST_MAPS, 8);
      told.set(JAVA_INT, 52, MOST_MAPS);
      told.set(JAVA_LONG, 56, ids.address());
      describe(arena, fd, told);
      int count = Math.min(MOST_MAPS, told.get(JAVA_INT, 52));
      return ids.asSlice(0, 4L * count).toArray(JAVA_INT);
    }
  }

  /// The kernel's number for it.
  public int id() {
    return described(fd).id;
  }

  public String name() {
    return name;
  }

  Kind kind() {
    return kind;
  }

  Fd fd() {
    return fd;
  }

  static String shortName(String name) {
    return name.length() > LONGEST_NAME ? name.substring(0, LONGEST_NAME) : name;
  }

  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "program " + name;
  }
}
