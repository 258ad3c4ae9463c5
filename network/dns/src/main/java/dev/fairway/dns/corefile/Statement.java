// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/// A line of a Corefile with the lines of its braces.
///
/// @param file where it stands
/// @param line in the file, from 1
/// @param words at least one
/// @param body what is between the braces, empty without
record Statement(String file, int line, List<String> words, List<Statement> body) {
  private static final int MOST_DEPTH = 3;

  String name() {
    return words.getFirst();
  }

  List<String> arguments() {
    return words.subList(1, words.size());
  }

  InvalidCorefile wrong(String what) {
    return new InvalidCorefile(file, line, what);
  }

  /// The only argument.
  String only() {
    return only(words.size() == 2, "one word after it").get(1);
  }

  private List<String> only(boolean good, String wanted) {
    if (!good) {
      throw wrong("'" + name() + "' wants " + wanted);
    }
    return words;
  }

  void withoutArguments() {
    only(words.size() == 1, "no words after it");
  }

  void withoutBody() {
    if (!body.isEmpty()) {
      throw body.getFirst()
          .wrong("'" + body.getFirst().name() + "' is not understood in " + name());
    }
  }

  /// All statements of a file.
  static List<Statement> parse(String file, String text) {
    List<Statement> top = new ArrayList<>();
    Deque<Statement> open = new ArrayDeque<>();
    int number = 0;
    for (String line : text.split("\n", -1)) {
      number++;
      List<String> words = words(file, number, line);
      if (words.isEmpty()) {
        continue;
      }
      if (words.equals(List.of("}"))) {
        if (open.isEmpty()) {
          throw new InvalidCorefile(file, number, "there is no block for this '}' to end");
        }
        open.pop();
        continue;
      }
      boolean opens = words.getLast().equals("{");
      List<String> kept = opens ? words.subList(0, words.size() - 1) : words;
      if (kept.isEmpty() || kept.contains("{") || kept.contains("}")) {
        throw new InvalidCorefile(
            file, number, "a '{' ends the line of its directive, and a '}' has a line of its own");
      }
      Statement statement = new Statement(file, number, List.copyOf(kept), new ArrayList<>());
      (open.isEmpty() ? top : open.peek().body).add(statement);
      if (opens) {
        open.push(statement);
        if (open.size() > MOST_DEPTH) {
          throw statement.wrong("a block this deep is not understood");
        }
      }
    }
    if (!open.isEmpty()) {
      throw open.peek().wrong("the block of '" + open.peek().name() + "' has no '}'");
    }
    return top;
  }

  private static List<String> words(String file, int number, String line) {
    List<String> words = new ArrayList<>();
    int at = 0;
    while (at < line.length()) {
      char c = line.charAt(at);
      if (c == '#') {
        break;
      }
      if (Character.isWhitespace(c)) {
        at++;
        continue;
      }
      int end;
      if (c == '"') {
        end = line.indexOf('"', at + 1);
        if (end < 0) {
          throw new InvalidCorefile(file, number, "a '\"' has no second one on its line");
        }
        words.add(line.substring(at + 1, end));
        at = end + 1;
        continue;
      }
      end = at;
      while (end < line.length() && !Character.isWhitespace(line.charAt(end))) {
        end++;
      }
      String word = line.substring(at, end);
      if (word.startsWith("{$") || word.startsWith("{%")) {
        throw new InvalidCorefile(
            file, number, word + ": variables of the environment are not filled in");
      }
      words.add(word);
      at = end;
    }
    return words;
  }
}
