// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What the page shows is what our tests do.
class RecipeTest {
  private static final Path ROOT = Path.of("..", "..");

  @Test
  void allJavaOfThePageStandsInTests() throws IOException {
    StringBuilder tests = new StringBuilder();
    for (String directory : List.of("app/testing/src/test", "lab/operators/src/test")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(directory))) {
        files
            .filter(file -> file.toString().endsWith(".java"))
            .forEach(file -> tests.append(words(read(file))).append('\n'));
      }
    }
    List<String> blocks = blocks(read(ROOT.resolve("docs/recipes/testing.md")));
    assertThat(blocks).hasSizeGreaterThanOrEqualTo(5);
    assertThat(blocks).allSatisfy(block -> assertThat(tests).contains(words(block)));
  }

  private static List<String> blocks(String page) {
    List<String> blocks = new ArrayList<>();
    String fence = "```";
    int from = page.indexOf(fence + "java\n");
    while (from >= 0) {
      int begin = page.indexOf('\n', from) + 1;
      int end = page.indexOf(fence, begin);
      blocks.add(page.substring(begin, end));
      from = page.indexOf(fence + "java\n", end);
    }
    return blocks;
  }

  private static String words(String text) {
    return text.replaceAll("\\s+", " ").strip();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
