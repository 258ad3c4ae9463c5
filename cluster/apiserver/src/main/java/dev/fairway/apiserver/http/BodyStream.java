// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;

/// An answer's body in pieces, each sent once it is full.
final class BodyStream extends OutputStream {
  private static final int PIECE_BYTES = 64 << 10;

  private final Exchange exchange;
  private byte[] piece = new byte[PIECE_BYTES];
  private int filled;
  private boolean broken;
  private boolean closed;

  BodyStream(Exchange exchange) {
    this.exchange = exchange;
  }

  @Override
  public void write(int one) throws IOException {
    if (filled == PIECE_BYTES) {
      send();
    }
    piece[filled++] = (byte) one;
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    int from = offset;
    int left = length;
    while (left > 0) {
      if (filled == PIECE_BYTES) {
        send();
      }
      int part = Math.min(left, PIECE_BYTES - filled);
      System.arraycopy(bytes, from, piece, filled, part);
      filled += part;
      from += part;
      left -= part;
    }
  }

  private void send() throws IOException {
    try {
      exchange.awaitRoom();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      broken = true;
      throw new InterruptedIOException("interrupted while the client took its time");
    } catch (IOException gone) {
      broken = true;
      throw gone;
    }
    exchange.send(Unpooled.wrappedBuffer(piece, 0, filled));
    piece = new byte[PIECE_BYTES];
    filled = 0;
  }

  @Override
  public void close() throws IOException {
    if (closed || broken) {
      return;
    }
    closed = true;
    if (filled > 0) {
      send();
    }
    exchange.end();
  }
}
