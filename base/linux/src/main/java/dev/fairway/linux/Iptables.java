// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.net.IpFamily;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/// The tables of iptables in one network namespace, by the machine's own `iptables-save` and
/// `iptables-restore`: which of their two kinds (nf_tables or legacy) is the machine's choice.
public final class Iptables {
  private static final Duration LIMIT = Duration.ofMinutes(3);
  private static final int COMPLAINT_LIMIT = 4096;

  private final NetworkNamespace namespace;
  private final String program;
  private final String legacyNames;

  public Iptables(NetworkNamespace namespace, IpFamily family) {
    this.namespace = namespace;
    this.program =
        switch (family) {
          case IPV4 -> "iptables";
          case IPV6 -> "ip6tables";
        };
    this.legacyNames =
        switch (family) {
          case IPV4 -> "ip_tables_names";
          case IPV6 -> "ip6_tables_names";
        };
  }

  /// Whether the machine has the programs.
  public boolean isInstalled() {
    for (String directory : List.of("/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin")) {
      if (Files.isExecutable(Path.of(directory, program + "-restore"))) {
        return true;
      }
    }
    return false;
  }

  /// Whether there are tables of the legacy kind, without asking any program.
  public boolean hasLegacyTables() {
    Path names = Path.of("/proc/thread-self/net", legacyNames);
    try {
      return namespace.call(() -> Files.exists(names) && !Files.readString(names).isBlank());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// What `iptables-save` says, by table.
  ///
  /// @param chains their names
  /// @param rules in order; each is the chain's name, a space, and the rule
  /// @param idle the tables that have no rules, no chains but the kernel's, and let everything pass
  public record Listing(
      Map<String, List<String>> chains, Map<String, List<String>> rules, Set<String> idle) {
    /// Whether a rule of one chain leads to another.
    public boolean has(String table, String from, String to) {
      return rules.getOrDefault(table, List.of()).stream()
          .anyMatch(rule -> chain(rule).equals(from) && target(rule).equals(to));
    }

    /// The rules of other chains that lead to some.
    public List<String> rulesTo(String table, Predicate<String> some) {
      return rules.getOrDefault(table, List.of()).stream()
          .filter(rule -> !some.test(chain(rule)) && some.test(target(rule)))
          .toList();
    }

    /// Some chains, their rules and the rules that lead to them.
    public Listing only(Predicate<String> some) {
      Map<String, List<String>> fewChains = new LinkedHashMap<>();
      Map<String, List<String>> fewRules = new LinkedHashMap<>();
      chains.forEach(
          (table, names) -> fewChains.put(table, names.stream().filter(some).sorted().toList()));
      rules.forEach((table, all) ->
          fewRules.put(
              table,
              all.stream()
                  .filter(rule -> some.test(chain(rule)) || some.test(target(rule)))
                  .toList()));
      return new Listing(fewChains, fewRules, Set.of());
    }

    /// All but some chains and their rules.
    public Listing without(Predicate<String> some) {
      Map<String, List<String>> fewChains = new LinkedHashMap<>();
      Map<String, List<String>> fewRules = new LinkedHashMap<>();
      chains.forEach(
          (table, names) -> fewChains.put(table, names.stream().filter(some.negate()).toList()));
      rules.forEach((table, all) ->
          fewRules.put(table, all.stream().filter(rule -> !some.test(chain(rule))).toList()));
      return new Listing(fewChains, fewRules, idle);
    }

    private static String chain(String rule) {
      int space = rule.indexOf(' ');
      return space < 0 ? rule : rule.substring(0, space);
    }

    /// The last jump: what a comment says comes before it.
    private static String target(String rule) {
      int jump = rule.lastIndexOf(" -j ");
      if (jump < 0) {
        return "";
      }
      String rest = rule.substring(jump + 4);
      int space = rest.indexOf(' ');
      return space < 0 ? rest : rest.substring(0, space);
    }
  }

  /// Everything that is loaded.
  ///
  /// @throws UncheckedIOException if the program is missing or fails
  public Listing list() {
    Map<String, List<String>> chains = new LinkedHashMap<>();
    Map<String, List<String>> rules = new LinkedHashMap<>();
    Set<String> idle = new HashSet<>();
    String table = "";
    for (String line : run(program + "-save", List.of(), "").lines().toList()) {
      if (line.startsWith("*")) {
        table = line.substring(1).strip();
        chains.put(table, new ArrayList<>());
        rules.put(table, new ArrayList<>());
        idle.add(table);
      } else if (line.startsWith(":") && chains.containsKey(table)) {
        chains.get(table).add(line.substring(1, line.indexOf(' ')));
        if (!line.contains(" ACCEPT ")) {
          idle.remove(table);
        }
      } else if (line.startsWith("-A ") && rules.containsKey(table)) {
        rules.get(table).add(line.substring(3));
        idle.remove(table);
      }
    }
    return new Listing(chains, rules, idle);
  }

  /// Carries out lines of `iptables-restore`, each table's at once; what they do not name stays.
  ///
  /// @throws UncheckedIOException if the program is missing or refuses: its words are in the
  ///   message
  public void restore(String lines) {
    if (!lines.isEmpty()) {
      run(program + "-restore", List.of("--noflush", "--wait", "30"), lines);
    }
  }

  private String run(String name, List<String> arguments, String input) {
    try {
      List<String> command = new ArrayList<>(List.of(name));
      command.addAll(arguments);
      Process process = namespace.start(new ProcessBuilder(command));
      try {
        ByteArrayOutputStream complaint = new ByteArrayOutputStream();
        Thread writer = Thread.ofVirtual().start(() -> write(process, input));
        Thread listener = Thread.ofVirtual().start(() -> drain(process, complaint));
        Thread guard = Thread.ofVirtual().start(() -> endAtLimit(process));
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int status = process.waitFor();
        guard.interrupt();
        writer.join();
        listener.join();
        if (status != 0) {
          String words = complaint.toString(StandardCharsets.UTF_8).strip();
          throw new IOException(name + " ended with " + status + ": " + words);
        }
        return output;
      } finally {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException(name + " was not waited for", e));
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  private static void endAtLimit(Process process) {
    try {
      if (!process.waitFor(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      // It has ended.
    }
  }

  private static void write(Process process, String input) {
    try (OutputStream to = process.getOutputStream()) {
      to.write(input.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      // It has ended, and says why.
    }
  }

  private static void drain(Process process, ByteArrayOutputStream complaint) {
    byte[] part = new byte[1024];
    try (InputStream from = process.getErrorStream()) {
      for (int n = from.read(part); n >= 0; n = from.read(part)) {
        complaint.write(
            part, 0, Math.min(n, COMPLAINT_LIMIT - Math.min(COMPLAINT_LIMIT, complaint.size())));
      }
    } catch (IOException e) {
      // It has ended.
    }
  }
}
