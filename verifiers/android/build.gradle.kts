// The jar that test.sh makes, for those who build with Gradle.
plugins {
    `java-library`
}

group = "countersign"
version = "0.1.0"

sourceSets {
    main {
        java {
            srcDir("../java/src/main/java")
            include("countersign/verify/*.java") // without the servlet filters
        }
    }
}

tasks.compileJava {
    options.release.set(8)
    options.encoding = "UTF-8"
}
