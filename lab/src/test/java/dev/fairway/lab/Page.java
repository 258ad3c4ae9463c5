// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/// A page of `docs/` whose commands are typed and whose outputs are wanted as the page shows them,
/// but for what differs from run to run: ages, addresses, generated names, process ids.
///
/// Blocks that begin with `console` are typed; a second word picks those for another cluster.
final class Page {
  private static final String TERMINAL = "```console terminal";
  private static final String CONSOLE = "```console";

  /// What differs from run to run, and the word that stands for it when outputs are compared.
  private static final List<Varying> VARYING =
      List.of(
          new Varying("\\b[0-9a-f]{64}\\b", "ID"),
          new Varying("\\b([a-z][a-z-]*[a-z])-[0-9a-z]{8,10}-[0-9a-z]{5}\\b", "$1-POD"),
          new Varying("(endpointslice[a-z0-9.]*/[a-z]+)-[0-9a-z]{5}\\b", "$1-SLICE"),
          new Varying("\\b([0-9a-f]{2}:){5}[0-9a-f]{2}\\b", "MAC"),
          new Varying("[0-9]+([.][0-9]+)*", "N"),
          // An age of "9s" may be "1m2s" on a slower day.
          new Varying("\\b(N[dhms])+\\b", "AGE"),
          new Varying("\\s+", " "));

  private record Varying(Pattern pattern, String word) {
    Varying(String pattern, String word) {
      this(Pattern.compile(pattern), word);
    }
  }

  /// One command of the page, and the lines it shows below it.
  private record Command(String text, List<String> input, List<String> expected) {}

  private Page() {}

  /// Types the blocks in the cluster, in one shell, so that a variable set in one is there in the
  /// next.
  ///
  /// @param file below `docs/`
  /// @param kind the second word of the blocks' first line, empty for those that have none
  /// @return how many commands were typed
  static int play(LabCluster cluster, String file, String kind) throws IOException {
    List<Command> commands =
        read(Files.readAllLines(Repository.root().resolve("docs").resolve(file)), kind);
    StringBuilder script = new StringBuilder("set -u\n");
    for (Command command : commands) {
      script.append("echo '@@@begin'\n");
      script.append(cluster.translate(withInput(command))).append('\n');
      script.append("echo \"@@@end $?\"\n");
    }
    String output = cluster.shell().run(script.toString()).good();
    String[] parts = output.split("@@@begin\n");
    assertThat(parts).as(output).hasSize(commands.size() + 1);
    for (int i = 0; i < commands.size(); i++) {
      Command command = commands.get(i);
      String part = parts[i + 1];
      assertThat(part).as(command.text()).contains("@@@end 0");
      List<String> got = shape(part.substring(0, part.indexOf("@@@end")).lines().toList());
      List<String> shown = shape(command.expected().stream().map(cluster::translate).toList());
      matches(got, shown, command.text() + "\n" + part);
    }
    return commands.size();
  }

  private static void matches(List<String> got, List<String> shown, String what) {
    int at = 0;
    boolean skip = false;
    for (String line : shown) {
      if (line.equals("...")) {
        skip = true;
        continue;
      }
      while (skip && at < got.size() && !got.get(at).equals(line)) {
        at++;
      }
      assertThat(at < got.size() ? got.get(at) : "(no more output)").as(what).isEqualTo(line);
      at++;
      skip = false;
    }
    if (!skip && !shown.isEmpty()) {
      assertThat(got.subList(at, got.size()))
          .as("lines that the page does not show: %s", what)
          .isEmpty();
    }
  }

  private static List<String> shape(List<String> lines) {
    List<String> shapes = new ArrayList<>();
    for (String line : lines) {
      String shape = line.strip();
      for (Varying varying : VARYING) {
        shape = varying.pattern().matcher(shape).replaceAll(varying.word());
      }
      if (!shape.isEmpty()) {
        shapes.add(shape);
      }
    }
    return shapes;
  }

  private static String withInput(Command command) {
    if (command.input().isEmpty()) {
      return command.text();
    }
    String typed = String.join("\\n", command.input()) + "\\nexit\\n";
    // An end of the typing that comes before the terminal is raw ends the session at once.
    return "{ printf '"
        + typed
        + "'; sleep 3; } | script -qec '"
        + command.text()
        + "' /dev/null | tr -d '\\r'";
  }

  /// Reads blocks of the page: `$ ` begins a command, `/ # ` is typed into it.
  private static List<Command> read(List<String> page, String kind) {
    List<Command> commands = new ArrayList<>();
    boolean inside = false;
    boolean terminal = false;
    for (String line : page) {
      if (!inside && line.startsWith(CONSOLE)) {
        terminal = line.equals(TERMINAL);
        inside =
            kind.isEmpty() ? terminal || line.equals(CONSOLE) : line.equals(CONSOLE + " " + kind);
      } else if (line.startsWith("```")) {
        inside = false;
      } else if (inside && line.startsWith("$ ")) {
        commands.add(new Command(line.substring(2), new ArrayList<>(), new ArrayList<>()));
      } else if (inside && terminal && line.startsWith("/ # ")) {
        commands.getLast().input().add(line.substring(4));
      } else if (inside && !terminal) {
        commands.getLast().expected().add(line);
      }
    }
    return commands;
  }
}
