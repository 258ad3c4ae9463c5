// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab.bench;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// An etcd of one member on loopback, spoken to as clients do: by gRPC, over one connection.
final class EtcdPeer implements AutoCloseable {
  private static final Path PROGRAM = Path.of("/usr/bin/etcd");
  private static final int TRIES = 300;

  /// `PutRequest`'s fields `key` and `value` are bytes 1 and 2; nothing else is needed of
  /// `etcdserverpb`.
  private static final MethodDescriptor<byte[], byte[]> PUT =
      MethodDescriptor.<byte[], byte[]>newBuilder()
          .setType(MethodDescriptor.MethodType.UNARY)
          .setFullMethodName("etcdserverpb.KV/Put")
          .setRequestMarshaller(new Bytes())
          .setResponseMarshaller(new Bytes())
          .build();

  private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }

    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private final Process process;
  private final ManagedChannel channel;

  private EtcdPeer(Process process, ManagedChannel channel) {
    this.process = process;
    this.channel = channel;
  }

  /// Null if etcd is not installed.
  static @Nullable EtcdPeer start(Path directory) throws IOException, InterruptedException {
    if (!Files.isExecutable(PROGRAM)) {
      return null;
    }
    int port = freePort();
    String client = "http://127.0.0.1:" + port;
    String peer = "http://127.0.0.1:" + freePort();
    Process process =
        new ProcessBuilder(
                List.of(
                    PROGRAM.toString(),
                    "--data-dir=" + directory.resolve("etcd"),
                    "--listen-client-urls=" + client,
                    "--advertise-client-urls=" + client,
                    "--listen-peer-urls=" + peer,
                    "--initial-advertise-peer-urls=" + peer,
                    "--initial-cluster=default=" + peer))
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve("etcd.log").toFile())
            .start();
    ManagedChannel channel =
        ManagedChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
    EtcdPeer peerProcess = new EtcdPeer(process, channel);
    for (int i = 0; i < TRIES; i++) {
      try {
        peerProcess.put("ready", new byte[1]);
        return peerProcess;
      } catch (StatusRuntimeException _) {
        TimeUnit.MILLISECONDS.sleep(100);
      }
    }
    peerProcess.close();
    throw new IOException("etcd did not answer, see " + directory.resolve("etcd.log"));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  void put(String key, byte[] value) {
    ByteArrayOutputStream request = new ByteArrayOutputStream(value.length + 64);
    field(request, 1, key.getBytes(US_ASCII));
    field(request, 2, value);
    ClientCalls.blockingUnaryCall(channel, PUT, CallOptions.DEFAULT, request.toByteArray());
  }

  private static void field(ByteArrayOutputStream to, int number, byte[] value) {
    to.write((number << 3) | 2);
    int length = value.length;
    while (length > 0x7f) {
      to.write((length & 0x7f) | 0x80);
      length >>>= 7;
    }
    to.write(length);
    to.writeBytes(value);
  }

  @Override
  public void close() throws InterruptedException {
    channel.shutdownNow();
    process.destroy();
    if (!process.waitFor(10, TimeUnit.SECONDS)) {
      process.destroyForcibly();
    }
  }
}
