# orrery_embed(PART part FUNCTION name PATTERN glob): files of src/<part>/ inside the program, as data.
# Defines `std::span<const EmbeddedFile> orrery::<part>::<name>()`, which src/<part>/embedded_file.hpp declares. A new file is picked up.
if(CMAKE_SCRIPT_MODE_FILE)
  string(REPLACE "|" ";" files "${FILES}")
  set(entries "")
  foreach(file ${files})
    file(READ ${file} text)
    get_filename_component(stem ${file} NAME_WE)
    string(APPEND entries "    {\"${stem}\", R\"orrery(${text})orrery\"},\n")
  endforeach()
  file(WRITE ${OUTPUT}
"#include \"${PART}/embedded_file.hpp\"

namespace orrery::${PART} {

std::span<const EmbeddedFile> ${FUNCTION}() {
    static constexpr EmbeddedFile kFiles[] = {
${entries}    };
    return kFiles;
}

}  // namespace orrery::${PART}
")
  return()
endif()

set(ORRERY_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(orrery_embed)
  cmake_parse_arguments(embed "" "PART;FUNCTION;PATTERN" "" ${ARGN})
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${embed_PART}/${embed_PATTERN})
  if(NOT files)
    message(FATAL_ERROR "no file of src/${embed_PART} matches ${embed_PATTERN}")
  endif()
  set(output ${CMAKE_BINARY_DIR}/embedded/${embed_PART}_${embed_FUNCTION}.cpp)
  list(JOIN files "|" list)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${list}" -DOUTPUT=${output} -DPART=${embed_PART} -DFUNCTION=${embed_FUNCTION}
            -P ${ORRERY_EMBED_SCRIPT}
    DEPENDS ${files} ${ORRERY_EMBED_SCRIPT} COMMENT "Embedding ${embed_PATTERN} of ${embed_PART}" VERBATIM)
  target_sources(orrery_${embed_PART} PRIVATE ${output})
endfunction()
