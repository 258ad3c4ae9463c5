// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.IOException;
import java.io.OutputStream;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/// One request and the way its answer goes back. Every method may be called from any thread.
///
/// Either [#respond] once, or [#begin], any number of [#send], then [#end]. After the client has
/// gone all of these do nothing.
public final class Exchange {
  /// A blocking writer is held back above this many unsent bytes.
  static final long ROOM_BYTES = 1 << 20;

  private final Request request;
  private final Optional<X509Certificate> certificate;
  private final Wire wire;
  private final Outbound outbound;
  private final AtomicLong pending = new AtomicLong();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition room = lock.newCondition();
  private final List<Runnable> closers = new ArrayList<>();
  private boolean closed;

  Exchange(Request request, Optional<X509Certificate> certificate, Wire wire, Outbound outbound) {
    this.request = request;
    this.certificate = certificate;
    this.wire = wire;
    this.outbound = outbound;
  }

  public Request request() {
    return request;
  }

  /// The client's certificate, already proven to come from the client CA.
  public Optional<X509Certificate> certificate() {
    return certificate;
  }

  /// Answers at once and whole. The bytes must not change afterwards.
  public void respond(int status, Map<String, String> headers, byte[] body) {
    respond(status, headers, Unpooled.wrappedBuffer(body));
  }

  /// Answers at once and whole; takes over the buffer.
  public void respond(int status, Map<String, String> headers, ByteBuf body) {
    int length = body.readableBytes();
    outbound.add(() -> {
      var all = new java.util.LinkedHashMap<>(headers);
      all.put("content-length", Integer.toString(length));
      boolean bodiless = length == 0 || request.method().equals("HEAD");
      wire.head(status, all, bodiless);
      if (bodiless) {
        body.release();
      } else {
        wire.data(body);
        wire.end();
      }
    });
  }

  /// Starts an answer of unknown length.
  public void begin(int status, Map<String, String> headers) {
    outbound.add(() -> wire.head(status, headers, false));
  }

  /// Sends a piece of the body; takes over the buffer.
  public void send(ByteBuf bytes) {
    int length = bytes.readableBytes();
    pending.addAndGet(length);
    outbound.add(() -> wire.data(bytes).addListener(done -> sent(length, done.isSuccess())));
  }

  /// The body of an answer that [#begin] started, written by a thread that may wait: a write blocks
  /// while the client has much to take already, and fails when it has gone. Closing it ends the
  /// answer.
  public OutputStream body() {
    return new BodyStream(this);
  }

  public void end() {
    outbound.add(wire::end);
  }

  /// Breaks the answer off so that the client cannot take it for complete.
  public void abort() {
    outbound.add(wire::abort);
  }

  /// Bytes given to [#send] that are not yet with the kernel.
  public long pendingBytes() {
    return pending.get();
  }

  /// Blocks until there is room for more; for writers on virtual threads.
  ///
  /// @throws IOException when the client has gone
  public void awaitRoom() throws IOException, InterruptedException {
    lock.lock();
    try {
      while (pending.get() > ROOM_BYTES && !closed) {
        room.await();
      }
      if (closed) {
        throw new IOException("the client has gone");
      }
    } finally {
      lock.unlock();
    }
  }

  /// Runs once when the client has gone or the answer is complete; at once if that is past.
  public void onClosed(Runnable closer) {
    lock.lock();
    try {
      if (!closed) {
        closers.add(closer);
        return;
      }
    } finally {
      lock.unlock();
    }
    closer.run();
  }

  /// Answers a WebSocket handshake; each later [#send] is one text message. HTTP/1.1 only.
  public void acceptWebSocket() {
    outbound.add(() -> {
      if (!wire.acceptWebSocket(this)) {
        wire.abort();
      }
    });
  }

  /// Leaves HTTP: `head` (a whole `101` answer) is sent as it is, later [#send]s are raw bytes and
  /// what the client sends is in the answer. HTTP/1.1 only.
  public RawInput takeOver(byte[] head) {
    RawInput input = new RawInput();
    outbound.add(() -> {
      if (!wire.takeOver(Unpooled.wrappedBuffer(head), input)) {
        input.end();
        wire.abort();
      }
    });
    return input;
  }

  private void sent(int length, boolean success) {
    pending.addAndGet(-length);
    if (success) {
      lock.lock();
      try {
        room.signalAll();
      } finally {
        lock.unlock();
      }
    } else {
      closed();
    }
  }

  void closed() {
    List<Runnable> run;
    lock.lock();
    try {
      if (closed) {
        return;
      }
      closed = true;
      run = List.copyOf(closers);
      closers.clear();
      room.signalAll();
    } finally {
      lock.unlock();
    }
    run.forEach(Runnable::run);
  }
}
