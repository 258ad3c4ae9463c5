// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.delegate;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Programs;
import dev.fairway.podnet.cni.CniCall;
import dev.fairway.podnet.cni.CniCommand;
import dev.fairway.podnet.cni.CniException;
import dev.fairway.podnet.cni.CniException.Code;
import dev.fairway.podnet.cni.CniResult;
import dev.fairway.podnet.cni.CniVersion;
import dev.fairway.podnet.cni.ResultText;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/// Runs delegates on one machine.
public final class Delegate {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final int COMPLAINT_LIMIT = 1000;

  private final NetworkNamespace machine;

  /// @param machine where delegates run; stays the caller's
  public Delegate(NetworkNamespace machine) {
    this.machine = machine;
  }

  /// Asks a delegate for addresses.
  ///
  /// @throws CniException the delegate's own where it told one
  public CniResult add(String type, CniCall call, CniVersion version) throws CniException {
    CniResult given = ResultText.parse(run(type, CniCommand.ADD, call), version);
    if (given.addresses().isEmpty()) {
      throw new CniException(
          Code.DELEGATE, "ipam " + type + " gave no address", "its result has no ips");
    }
    return given;
  }

  /// Hands on any other command.
  ///
  /// @return what the delegate printed
  /// @throws CniException the delegate's own where it told one
  public byte[] run(String type, CniCommand command, CniCall call) throws CniException {
    Map<String, String> environment = new HashMap<>(call.environment());
    environment.put("CNI_COMMAND", command.name());
    Path program = find(type, environment.getOrDefault("CNI_PATH", ""));
    try {
      Programs.Outcome outcome = Programs.run(machine, program, environment, call.stdin(), LIMIT);
      if (outcome.exitCode() != 0) {
        throw refused(type, outcome);
      }
      return outcome.output();
    } catch (IOException e) {
      throw new CniException(Code.IO_FAILURE, "ipam " + type + " could not be run", e);
    }
  }

  private static Path find(String type, String directories) throws CniException {
    for (String directory : directories.split(":", -1)) {
      if (directory.startsWith("/")) {
        Path program = Path.of(directory, type);
        if (Files.isRegularFile(program) && Files.isExecutable(program)) {
          return program;
        }
      }
    }
    throw new CniException(
        Code.INVALID_CONFIG,
        "ipam.type: no plugin " + type + " is in CNI_PATH",
        directories.isEmpty() ? "CNI_PATH is not set" : directories);
  }

  private static CniException refused(String type, Programs.Outcome outcome) {
    CniException told = ResultText.parseError(outcome.output());
    if (told != null) {
      return new CniException(
          told.number(), "ipam " + type + ": " + told.getMessage(), told.details());
    }
    String complaint = new String(outcome.complaint(), StandardCharsets.UTF_8).strip();
    return new CniException(
        Code.DELEGATE,
        "ipam " + type + " ended with code " + outcome.exitCode(),
        complaint.length() > COMPLAINT_LIMIT ? complaint.substring(0, COMPLAINT_LIMIT) : complaint);
  }
}
