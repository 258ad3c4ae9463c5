// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fairway.linux.BpfCall;
import dev.fairway.linux.Errno;
import dev.fairway.linux.Fd;
import dev.fairway.linux.KernelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// A map that programs and this process share. Safe for use by many threads. Closing lets go of it;
/// it lives on while a loaded program uses it.
public final class BpfMap<K, V> implements AutoCloseable {
  private static final int CREATE = 0;
  private static final int LOOKUP = 1;
  private static final int UPDATE = 2;
  private static final int DELETE = 3;
  private static final int NEXT_KEY = 4;
  private static final int FD_BY_ID = 14;
  private static final int LOOKUP_BATCH = 24;
  private static final int UPDATE_BATCH = 26;

  /// How many entries go into one call.
  private static final int BATCH = 4096;

  /// `enum bpf_map_type`
  public enum Kind {
    HASH(1, 0),
    /// A hash that takes memory only for what is in it.
    SPARSE_HASH(1, 1), // BPF_F_NO_PREALLOC
    ARRAY(2, 0),
    /// As above, beginning at a page, so that values of a cache line's size lie in one each.
    ALIGNED_ARRAY(2, 1 << 10), // BPF_F_MMAPABLE
    /// Drops what was used least lately where it is full.
    LRU_HASH(9, 0),
    /// Finds the longest prefix; a key begins with its length in bits, 32 bits wide.
    LPM_TRIE(11, 1); // BPF_F_NO_PREALLOC, which it insists on

    private final int number;
    private final int flags;

    Kind(int number, int flags) {
      this.number = number;
      this.flags = flags;
    }
  }

  /// What a map is to be.
  ///
  /// @param name in the code of programs; the kernel shows its first 15 characters
  /// @param most how many entries it has room for
  public record Spec<K, V>(
      Kind kind, String name, BpfLayout<K> key, BpfLayout<V> value, int most) {}

  private final Spec<K, V> spec;
  private final Fd fd;

  private BpfMap(Spec<K, V> spec, Fd fd) {
    this.spec = spec;
    this.fd = fd;
  }

  public static <K, V> BpfMap<K, V> create(Spec<K, V> spec) {
    Kind kind = spec.kind;
    Fd fd =
        create(kind.number, kind.flags, spec.name, spec.key.bytes(), spec.value.bytes(), spec.most);
    return new BpfMap<>(spec, fd);
  }

  /// The map of that name that a loaded program uses; nothing if it has none, or one of another
  /// shape. So the next agent goes on with what the one before has gathered.
  public static <K, V> Optional<BpfMap<K, V>> of(BpfProgram program, Spec<K, V> spec) {
    for (int id : program.maps()) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment attributes = arena.allocate(16, 8);
        attributes.set(JAVA_INT, 0, id);
        Fd fd = BpfCall.open(FD_BY_ID, "BPF_MAP_GET_FD_BY_ID", attributes, "map " + id);
        if (isLike(fd, spec)) {
          return Optional.of(new BpfMap<>(spec, fd));
        }
        fd.close();
      }
    }
    return Optional.empty();
  }

  /// `struct bpf_map_info`
  private static boolean isLike(Fd fd, Spec<?, ?> spec) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment told = arena.allocate(80, 8);
      BpfProgram.describe(arena, fd, told);
      return told.getString(24).equals(BpfProgram.shortName(spec.name))
          && told.get(JAVA_INT, 0) == spec.kind.number
          && told.get(JAVA_INT, 8) == spec.key.bytes()
          && told.get(JAVA_INT, 12) == spec.value.bytes()
          && told.get(JAVA_INT, 16) == spec.most;
    }
  }

  static Fd create(int kind, int flags, String name, int keyBytes, int valueBytes, int most) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment attributes = arena.allocate(72, 8);
      attributes.set(JAVA_INT, 0, kind);
      attributes.set(JAVA_INT, 4, keyBytes);
      attributes.set(JAVA_INT, 8, valueBytes);
      attributes.set(JAVA_INT, 12, most);
      attributes.set(JAVA_INT, 16, flags);
      attributes.setString(28, BpfProgram.shortName(name));
      return BpfCall.open(CREATE, "BPF_MAP_CREATE", attributes, "map " + name);
    }
  }

  public String name() {
    return spec.name;
  }

  Fd fd() {
    return fd;
  }

  /// Puts an entry in, over an old one of the same key.
  ///
  /// @throws KernelException E2BIG if the map is full
  public void put(K key, V value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment valueBytes = bytes(arena, spec.value, value);
      BpfCall.call(
          UPDATE,
          "BPF_MAP_UPDATE_ELEM",
          attributes(arena, fd, bytes(arena, spec.key, key), valueBytes),
          this + " at " + key);
    }
  }

  /// Puts many entries in, over old ones of the same keys. If it fails, some of them are in.
  ///
  /// @throws KernelException E2BIG if the map is full
  public void putAll(Map<K, V> entries) {
    Filling filling = filling();
    entries.forEach(filling::put);
    filling.flush();
  }

  /// Puts many entries in as they come, without a place where all of them are at once.
  public Filling filling() {
    return new Filling();
  }

  /// Entries that are gathered and put in by the thousand.
  public final class Filling {
    // On the heap until they are many: to write single numbers elsewhere is slow in a program that
    // has just started.
    private final byte[] keys = new byte[BATCH * spec.key.bytes()];
    private final byte[] values = new byte[BATCH * spec.value.bytes()];
    private final ByteBuffer toKeys = ByteBuffer.wrap(keys).order(ByteOrder.nativeOrder());
    private final ByteBuffer toValues = ByteBuffer.wrap(values).order(ByteOrder.nativeOrder());
    private int count;

    private Filling() {}

    /// Puts one in now or at the next [#flush], over an old one of the same key.
    ///
    /// @throws KernelException E2BIG if the map is full
    public void put(K key, V value) {
      toKeys.position(count * spec.key.bytes());
      spec.key.write(key, toKeys);
      toValues.position(count * spec.value.bytes());
      spec.value.write(value, toValues);
      count++;
      if (count == BATCH) {
        flush();
      }
    }

    /// Puts in what is not in yet. If it fails, some entries are in.
    ///
    /// @throws KernelException E2BIG if the map is full
    public void flush() {
      if (count == 0) {
        return;
      }
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment attributes = arena.allocate(56, 8);
        attributes.set(JAVA_LONG, 16, copy(arena, keys).address());
        attributes.set(JAVA_LONG, 24, copy(arena, values).address());
        attributes.set(JAVA_INT, 32, count);
        attributes.set(JAVA_INT, 36, fd.number());
        BpfCall.call(UPDATE_BATCH, "BPF_MAP_UPDATE_BATCH", attributes, BpfMap.this.toString());
      }
      count = 0;
      // What a layout leaves out is zero.
      Arrays.fill(keys, (byte) 0);
      Arrays.fill(values, (byte) 0);
    }

    private static MemorySegment copy(Arena arena, byte[] bytes) {
      MemorySegment copy = arena.allocate(bytes.length, 8);
      MemorySegment.copy(bytes, 0, copy, JAVA_BYTE, 0, bytes.length);
      return copy;
    }
  }

  public Optional<V> get(K key) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment value = arena.allocate(spec.value.bytes(), 8);
      BpfCall.call(
          LOOKUP,
          "BPF_MAP_LOOKUP_ELEM",
          attributes(arena, fd, bytes(arena, spec.key, key), value),
          this + " at " + key);
      return Optional.of(spec.value.read(buffer(value)));
    } catch (KernelException e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /// What is not there is removed already.
  public void remove(K key) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment keyBytes = bytes(arena, spec.key, key);
      BpfCall.call(
          DELETE,
          "BPF_MAP_DELETE_ELEM",
          attributes(arena, fd, keyBytes, MemorySegment.NULL),
          this + " at " + key);
    } catch (KernelException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
    }
  }

  /// The keys that are there; one that comes or goes meanwhile may be missing or twice.
  public List<K> keys() {
    List<K> keys = new ArrayList<>();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment key = arena.allocate(spec.key.bytes(), 8);
      MemorySegment next = arena.allocate(spec.key.bytes(), 8);
      MemorySegment from = MemorySegment.NULL;
      while (keys.size() < 2 * spec.most) {
        BpfCall.call(
            NEXT_KEY, "BPF_MAP_GET_NEXT_KEY", attributes(arena, fd, from, next), toString());
        keys.add(spec.key.read(buffer(next)));
        key.copyFrom(next);
        from = key;
      }
      return keys;
    } catch (KernelException e) {
      if (e.errno() == Errno.ENOENT) {
        return keys;
      }
      throw e;
    }
  }

  /// All values of an array at once (Linux 5.6).
  public List<V> values() {
    try (Arena arena = Arena.ofConfined()) {
      int bytes = spec.value.bytes();
      MemorySegment values = arena.allocate((long) bytes * spec.most, 8);
      MemorySegment attributes = arena.allocate(56, 8);
      attributes.set(JAVA_LONG, 8, arena.allocate(8, 8).address());
      attributes.set(JAVA_LONG, 16, arena.allocate((long) spec.key.bytes() * spec.most).address());
      attributes.set(JAVA_LONG, 24, values.address());
      attributes.set(JAVA_INT, 32, spec.most);
      attributes.set(JAVA_INT, 36, fd.number());
      try {
        BpfCall.call(LOOKUP_BATCH, "BPF_MAP_LOOKUP_BATCH", attributes, toString());
      } catch (KernelException e) {
        if (e.errno() != Errno.ENOENT) { // that was the last one
          throw e;
        }
      }
      List<V> all = new ArrayList<>();
      for (int i = 0; i < attributes.get(JAVA_INT, 32); i++) {
        all.add(spec.value.read(buffer(values.asSlice((long) i * bytes, bytes))));
      }
      return all;
    }
  }

  static MemorySegment attributes(Arena arena, Fd fd, MemorySegment key, MemorySegment value) {
    MemorySegment attributes = arena.allocate(32, 8);
    attributes.set(JAVA_INT, 0, fd.number());
    attributes.set(JAVA_LONG, 8, key.address());
    attributes.set(JAVA_LONG, 16, value.address());
    return attributes;
  }

  private static <T> MemorySegment bytes(Arena arena, BpfLayout<T> layout, T value) {
    MemorySegment segment = arena.allocate(layout.bytes(), 8);
    layout.write(value, buffer(segment));
    return segment;
  }

  private static ByteBuffer buffer(MemorySegment segment) {
    return segment.asByteBuffer().order(ByteOrder.nativeOrder());
  }

  @Override
  public void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "map " + spec.name;
  }
}
