// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/// The rules of the house: arrows point down, siblings do not meet, one door to the kernel.
class ArchitectureTest {
  private static final Path ROOT = Repository.root();

  /// Which rooms a room may import. A room that is not named here may import nothing of ours.
  private static final Map<String, Set<String>> MAY_IMPORT =
      Map.ofEntries(
          Map.entry("linux", Set.of("net")),
          Map.entry("apimachinery", Set.of("schemas")),
          Map.entry("apiserver", Set.of("net", "schemas", "apimachinery", "store")),
          Map.entry("controllers", Set.of("net", "apimachinery", "schemas", "reconcile")),
          Map.entry("kubelet", Set.of("net", "linux", "apimachinery", "schemas", "reconcile")),
          Map.entry("provision", Set.of("net", "linux")),
          Map.entry("bgp", Set.of("net", "linux")),
          Map.entry("podnet", Set.of("net", "linux", "reconcile", "bgp")),
          Map.entry("traffic", Set.of("net", "linux", "reconcile")),
          Map.entry("dns", Set.of("net", "linux", "reconcile")));

  private static final List<String> ROOMS =
      List.of(
          "net",
          "linux",
          "schemas",
          "apimachinery",
          "store",
          "reconcile",
          "apiserver",
          "controllers",
          "kubelet",
          "provision",
          "bgp",
          "podnet",
          "traffic",
          "dns");

  private static JavaClasses ours;

  @BeforeAll
  static void readClasses() {
    ours =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.fairway");
    assertThat(ours).hasSizeGreaterThan(100);
  }

  @Test
  void roomsImportOnlyWhatTheTableAllows() {
    for (String room : ROOMS) {
      List<String> forbidden = new ArrayList<>(ROOMS);
      forbidden.add("fairway");
      forbidden.remove(room);
      forbidden.removeAll(MAY_IMPORT.getOrDefault(room, Set.of()));
      noClasses()
          .that()
          .resideInAPackage("dev.fairway." + room + "..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              forbidden.stream().map(r -> "dev.fairway." + r + "..").toArray(String[]::new))
          .check(ours);
    }
  }

  @Test
  void onlyLinuxCallsNativeCode() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.fairway.linux..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("java.lang.foreign..")
        .check(ours);
  }

  @Test
  void onlyThoseWhoMustStartPrograms() {
    noClasses()
        .that()
        .resideOutsideOfPackages(
            "dev.fairway.linux..",
            "dev.fairway.provision..",
            "dev.fairway.fairway..",
            "dev.fairway.lab..")
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.ProcessBuilder")
        .check(ours);
  }

  @Test
  void valuesNeedNothingButTheJdk() {
    classes()
        .that()
        .resideInAPackage("dev.fairway.net..")
        .should()
        .onlyDependOnClassesThat()
        .resideInAnyPackage("java..", "dev.fairway.net..", "org.jspecify..")
        .check(ours);
  }

  @Test
  void namesSayWhatAThingIs() {
    noClasses()
        .that()
        .resideInAPackage("dev.fairway..")
        .and()
        .resideOutsideOfPackage("..cri.v1..")
        .should()
        .haveNameMatching(".*(Impl|Utils?|Manager|Helper|Base|Info|Data)")
        .orShould()
        .haveNameMatching(".*[.](Abstract|Default)[A-Z][A-Za-z]*")
        .check(ours);
  }

  @Test
  void everyPackageSaysWhatItIsFor() throws IOException {
    Set<Path> undocumented = new TreeSet<>();
    for (Path source : mainSources()) {
      if (!Files.exists(source.resolveSibling("package-info.java"))) {
        undocumented.add(ROOT.relativize(source.getParent()));
      }
    }
    assertThat(undocumented).isEmpty();
  }

  private static List<Path> mainSources() throws IOException {
    List<Path> sources = new ArrayList<>();
    for (String floor : List.of("base", "cluster", "network", "app")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(floor))) {
        files
            .filter(file -> file.toString().endsWith(".java"))
            .filter(file -> file.toString().contains("/src/main/java/"))
            .forEach(sources::add);
      }
    }
    assertThat(sources).isNotEmpty();
    return sources;
  }
}
