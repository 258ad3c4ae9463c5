// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import java.nio.ByteBuffer;

/// How a value lies in memory that a program shares. Buffers have the machine's byte order.
public interface BpfLayout<T> {
  /// A number of 32 bits.
  BpfLayout<Integer> NUMBER =
      new BpfLayout<>() {
        @Override
        public int bytes() {
          return Integer.BYTES;
        }

        @Override
        public void write(Integer value, ByteBuffer out) {
          out.putInt(value);
        }

        @Override
        public Integer read(ByteBuffer in) {
          return in.getInt();
        }
      };

  /// Always the same.
  int bytes();

  /// Fills `bytes` bytes; what is not written is zero.
  void write(T value, ByteBuffer out);

  T read(ByteBuffer in);
}
