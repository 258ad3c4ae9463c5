// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/// The DELs that came while no agent ran. The executable told the runtime that they are done, and
/// left each as a file in a directory beside the agent's socket, with the bytes it would have sent.
///
/// The file's name follows from the attachment, so that an ADD of the same attachment finds the DEL
/// that belongs before it, and one that comes twice is there once. The directory is as lasting as
/// the socket's: what a reboot forgets, it has ended too.
final class MissedCalls {
  /// More than a node has pods; a directory that somebody filled must not stop the agent.
  private static final int MOST = 10_000;

  private final Path directory;

  MissedCalls(Path socket) {
    directory = socket.resolveSibling(socket.getFileName() + ".missed");
  }

  /// The files there are.
  List<Path> files() throws IOException {
    List<Path> files = new ArrayList<>();
    try (DirectoryStream<Path> all = Files.newDirectoryStream(directory)) {
      for (Path file : all) {
        if (files.size() < MOST && isName(file.getFileName().toString())) {
          files.add(file);
        }
      }
    } catch (NoSuchFileException e) {
      return List.of(); // nothing was ever missed
    }
    return files;
  }

  /// The file of an attachment, if its DEL was missed.
  Optional<Path> file(CniRequest.Attachment attachment) {
    Path file = directory.resolve(attachment.hash());
    return Files.exists(file) ? Optional.of(file) : Optional.empty();
  }

  CniCall read(Path file) throws IOException {
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      return CniCall.read(channel);
    }
  }

  void forget(Path file) throws IOException {
    Files.deleteIfExists(file);
  }

  private static boolean isName(String name) {
    return name.length() == 16 && name.chars().allMatch(HexFormat::isHexDigit);
  }
}
