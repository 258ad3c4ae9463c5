// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/// The numbers that the running kernel has for its own functions: its type description, BTF
/// (`linux/btf.h`).
public final class KernelTypes {
  private static final Path RUNNING = Path.of("/sys/kernel/btf/vmlinux");
  private static final int MAGIC = 0xeb9f;
  private static final int HEADER_BYTES = 24;
  private static final int FUNCTION = 12;

  private final ByteBuffer bytes;

  /// @throws IllegalArgumentException if they are no type description
  KernelTypes(byte[] bytes) {
    this.bytes = ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder());
    if (bytes.length < HEADER_BYTES || (this.bytes.getShort(0) & 0xffff) != MAGIC) {
      throw new IllegalArgumentException("this is no kernel type description");
    }
  }

  /// @throws KernelException ENOENT if the kernel was built without it (CONFIG_DEBUG_INFO_BTF)
  static KernelTypes ofRunningKernel() {
    try {
      return new KernelTypes(Files.readAllBytes(RUNNING));
    } catch (IOException e) {
      throw new KernelException(
          "open", Errno.ENOENT, RUNNING.toString(), "this kernel does not describe its types");
    }
  }

  /// The numbers of those functions that it has.
  ///
  /// @throws IllegalArgumentException if the description is cut off or of a later kind
  Map<String, Integer> functions(Set<String> wanted) {
    long header = bytes.getInt(4) & 0xffff_ffffL;
    long types = header + (bytes.getInt(8) & 0xffff_ffffL);
    long typesEnd = types + (bytes.getInt(12) & 0xffff_ffffL);
    long strings = header + (bytes.getInt(16) & 0xffff_ffffL);
    long stringsEnd = strings + (bytes.getInt(20) & 0xffff_ffffL);
    if (Math.max(typesEnd, stringsEnd) > bytes.capacity()) {
      throw new IllegalArgumentException("the kernel type description is cut off");
    }
    Map<Integer, String> names = new HashMap<>();
    for (String name : wanted) {
      int offset = find(name, (int) strings, (int) stringsEnd);
      if (offset >= 0) {
        names.put(offset, name);
      }
    }
    Map<String, Integer> found = new HashMap<>();
    int id = 1;
    for (long at = types; at + 12 <= typesEnd && found.size() < names.size(); id++) {
      int summary = bytes.getInt((int) at + 4);
      int kind = (summary >>> 24) & 0x1f;
      if (kind == FUNCTION) {
        String name = names.get(bytes.getInt((int) at));
        if (name != null) {
          found.put(name, id);
        }
      }
      at += 12L + trailer(kind, summary & 0xffff);
    }
    return found;
  }

  /// What follows on the three words that every type has.
  private static int trailer(int kind, int members) {
    return switch (kind) {
      case 1, 14, 17 -> 4; // integer, variable, tag of a declaration
      case 2, 7, 8, 9, 10, 11, 12, 16, 18 -> 0;
      case 3 -> 12; // array
      case 4, 5, 15, 19 -> 12 * members; // struct, union, section, enum of 64 bits
      case 6, 13 -> 8 * members; // enum, prototype
      default ->
          throw new IllegalArgumentException("the kernel has types of an unknown kind " + kind);
    };
  }

  /// Where a whole string begins, counted from the first; names are stored once.
  private int find(String name, int from, int end) {
    byte[] text = name.getBytes(StandardCharsets.UTF_8);
    byte[] all = bytes.array();
    for (int at = from + 1; at + text.length < end; at++) {
      if (all[at] == text[0]
          && all[at - 1] == 0
          && all[at + text.length] == 0
          && startsWith(all, at, text)) {
        return at - from;
      }
    }
    return -1;
  }

  private static boolean startsWith(byte[] all, int at, byte[] text) {
    for (int i = 1; i < text.length; i++) {
      if (all[at + i] != text[i]) {
        return false;
      }
    }
    return true;
  }
}
