// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.calls;

import dev.fairway.podnet.cni.CniCall;
import dev.fairway.podnet.cni.CniException;
import dev.fairway.podnet.cni.CniRequest;
import dev.fairway.podnet.cni.CniRequest.Attachment;
import dev.fairway.podnet.cni.CniRequestParser;
import dev.fairway.podnet.cni.CniResult;
import dev.fairway.podnet.cni.ResultText;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The remembered ADDs, in memory and as files of one directory. A file holds one line with the
/// delegate's answer, which may be empty, and then the call.
///
/// Files outlive the process, not surely the machine: its sandboxes do not outlive it either. Safe
/// for use by many threads, not for the same attachment at the same time.
public final class RememberedCalls {
  private static final Logger LOG = LoggerFactory.getLogger(RememberedCalls.class);
  private static final String SUFFIX = ".add";
  private static final String UNFINISHED = ".new";

  private final Path directory;
  private final Map<Attachment, RememberedCall> calls = new ConcurrentHashMap<>();

  private RememberedCalls(Path directory) {
    this.directory = directory;
  }

  /// Reads what there is.
  public static RememberedCalls open(Path directory) throws IOException {
    RememberedCalls opened = new RememberedCalls(directory);
    Files.createDirectories(directory);
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + UNFINISHED)) {
      for (Path file : files) {
        Files.deleteIfExists(file); // of an agent that was killed
      }
    }
    CniRequestParser parser = new CniRequestParser();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + SUFFIX)) {
      for (Path file : files) {
        try {
          RememberedCall call = read(Files.readAllBytes(file), parser);
          opened.calls.put(call.request().attachment(), call);
        } catch (IOException | CniException e) {
          LOG.warn("The remembered call in {} makes no sense: {}", file, e.toString());
        }
      }
    }
    return opened;
  }

  public Optional<RememberedCall> find(Attachment attachment) {
    return Optional.ofNullable(calls.get(attachment));
  }

  public List<RememberedCall> all() {
    return List.copyOf(calls.values());
  }

  /// Remembers a call, in place of an earlier one of its attachment.
  public void put(RememberedCall call) throws IOException {
    String given = call.given().isPresent() ? ResultText.render(call.given().get()) : "\n";
    byte[] line = given.getBytes(StandardCharsets.UTF_8);
    byte[] sent = call.request().call().bytes();
    byte[] all = Arrays.copyOf(line, line.length + sent.length);
    System.arraycopy(sent, 0, all, line.length, sent.length);
    Path file = file(call.request().attachment());
    Path fresh = file.resolveSibling(file.getFileName() + UNFINISHED);
    Files.write(fresh, all);
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    calls.put(call.request().attachment(), call);
  }

  /// Forgets a call; an unknown one is success.
  public void forget(Attachment attachment) throws IOException {
    if (calls.containsKey(attachment)) {
      Files.deleteIfExists(file(attachment));
      calls.remove(attachment);
    }
  }

  private Path file(Attachment attachment) {
    return directory.resolve(attachment.hash() + SUFFIX);
  }

  private static RememberedCall read(byte[] all, CniRequestParser parser)
      throws IOException, CniException {
    int end = 0;
    while (end < all.length && all[end] != '\n') {
      end++;
    }
    if (end == all.length) {
      throw new IOException("it has no end of line");
    }
    Optional<CniResult> given =
        end == 0 ? Optional.empty() : Optional.of(ResultText.parse(Arrays.copyOf(all, end)));
    ByteBuffer sent = ByteBuffer.wrap(all, end + 1, all.length - end - 1);
    byte[] bytes = new byte[sent.remaining()];
    sent.get(bytes);
    CniRequest request =
        parser.parse(CniCall.read(Channels.newChannel(new java.io.ByteArrayInputStream(bytes))));
    return new RememberedCall(request, given);
  }
}
