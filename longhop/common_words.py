"""English words that say nothing about what a text is about.

Counted, not chosen: the words of four letters and more that stand in at least 62 % of 22 books of several kinds and
centuries; and below them the words of programming and of its comments.
"""

from __future__ import annotations

__all__ = ["COMMON_WORDS"]

COMMON_WORDS = frozenset(
    """
    able about above absence absent absolutely accident according account accustomed across acted action
    actually added addressed admirable advance advantage advice affair affected afford afraid after afternoon
    afterwards again against ages agree agreed alike alive allow allowed almost alone along already also altered
    although altogether always america among amount ancient angry another answer answered answers anxious
    anything appear appearance appeared appears argument arms around arrival arrived articles ashamed aside
    asked asking attack attempt attention attitude author authority aware away awful baby back ball band bank
    bare battle bear beast beat beautiful beauty became because become becomes becoming been before began begged
    begin beginning begins begun behind being belief believe believed bell belong belonged belongs below beneath
    benefit bent besides best better between beyond bird birds birth bitter black blame blind blood blow blue
    board body bones book books boots bore born both bottle bottom bought bound boys brain branch branches bread
    break breakfast breaking breath bridge bright bring bringing brings british broad broke broken brother
    brothers brought brown building built buried burnt business busy call called calling calls came cannot
    capable captain care careful carefully carried carry carrying case cases cast catch caught cause caused
    century certain certainly chain chair challenge chamber chance change changed changing chapter character
    characteristic charge charm charming chief child children chin choice choose chose chosen church circle
    circumstances city class clean clear cleared clearly clever clock close closed closely clothes cloud coat
    cold collar collected come comes comfortable coming common companion companions company comparatively
    compared complete completely concerned condition conduct confidence confused confusion connection conscious
    consequence consideration considered considering constant content contents continue continued contrary
    conversation convinced cool corner cost could count country county couple courage course court cover covered
    created creature credit cried cross crossed crowd crowded crown crying curiosity curious current custom
    dance dancing danger dangerous dare dark darkness date daughter days dead deal dear death decided declared
    deep deeply degree delicate delight delighted delightful deny depend described description desire despair
    determined devil didn died difference different difficult difficulty dinner direct direction directly
    disappeared discover discovered discovery distance distant distinct divided does dogs doing done door doors
    double doubt down draw drawing drawn dreadful dream dreams dress dressed dressing drew drink drinking drive
    driven driving drop dropped drove dull during duty dying each eager earlier early earnest ears earth ease
    easily east easy eating edge education effect eight either eleven else empty ended ends enemy engaged
    england english enjoy enough enter entered entire entirely entrance equal equally escape especially
    essential established europe even evening event ever every everybody everything exact exactly examine
    examined example excellent except excited excuse exercise existence expect expected expense experience
    explain explained exposed expression extent extraordinary eyed eyes face faced faces fact facts fail failed
    failure faint fair fairly faith fall fallen falling false familiar family famous fancy fashion fast fate
    father fault fear feather feathers feel feeling feels feet fell fellow fellows felt field fields fifteen
    fifty fight fighting figure figures fill filled final finally find finding finds fine finest finish finished
    fire firm first fish five fixed flat floor flower flowers flying follow followed following follows folly
    fond fool foolish foot force forehead forget forgot forgotten form formed former forms forth fortune forty
    forward found four fourth france free freedom freely french frequently fresh friend friendly friends from
    front fruit full fully funny further future gain gained game garden gate gates gather gathered gave general
    generally generous genius gentle gentleman gentlemen george gets getting girl girls give given gives giving
    glad glance glass goes going gold golden gone good grace gradually grand grass grave great greater greatest
    greatly green grew ground group grow growing grown guard guess guide guilty habit hair half hall hand handed
    hands handsome hang hanging happen happened happens happiness happy hard hardly harm hate hated have having
    head heads hear heard hearing heart heaven heavy height held help helped hence henry here hero herself
    hidden hide high higher highest highly hill hills himself history hold holding hole home honest hope horse
    horses hour hours house houses however huge human humble hundred hung hurried hurry hurt husband idea ideas
    ignorance ignorant imagination imagine immediate immediately importance important impossible impression
    impulse inclined indeed individual influence information innocent inside instance instead intended interest
    interested interesting interrupted into introduced introduction iron itself john join joined journey judge
    june just justice keep keeping keeps kept kill killed kind kindly king knees knew knife know knowing
    knowledge known knows lack ladies lady laid land language large larger last late lately later latest latter
    laugh laughed laughing laws lead leading learn learned learning least leather leave leaves leaving left legs
    lend length less lest letter letters level lies life lifted light lighted lights like liked likely line
    lines lips list listen listened listening literature little live lived lives living lock london lonely long
    longer look looked looking looks loose lord lose losing loss lost loud love loved lovely lover loving lower
    lying made maid make makes making manage managed manner manners many marble march mark marked marks marriage
    married marry mass master material matter matters mean meaning means meant measure meet meeting melancholy
    member memory mentioned mere merely merry method middle might mile miles mind minded minds mine minutes
    miserable miss missed mistake mixed modern moment moments money month months moon moral more morning morrow
    most mother mountains mouth mouths move moved movement moving much music must myself mystery naked name
    named names narrow native natural naturally nature near nearer nearly necessary neck need needed needs
    neither never nevertheless news next nice night nights nine noble nobody noise none north nose note nothing
    notice noticed number object obliged observed obvious occasion occasionally occur occurred offer offered
    office often older once ones only open opened opening opinion opportunity opposite order ordered ordinary
    original other others otherwise ought ours ourselves outside over paid pain paint pair pale paper pardon
    parents park part particular particularly parties parts party pass passage passed passing passion past path
    patience pattern peace peculiar people perfect perfectly performed perhaps person personal persons pick
    picture pictures piece pieces pity place placed places plain plan plans play played playing plays pleasant
    please pleased pleasure plenty pocket poem point pointed points poor popular portion position possessed
    possession possible possibly post poured power powerful powers pray precious prepared presence present
    presented presently pretty prevent price pride principal principle private probably process promise promised
    proof proper properly property protection proud prove proved provided public pulling pure purpose pushed
    putting qualities quality quarter quarters queen question questions quick quickly quiet quietly quite race
    rain raised raising rapidly rare rate rather reach reached reaching read reading ready real really reason
    reasonable reasons receive received record recovered regard regular relief remain remained remains remark
    remarkable remarked remember remembered remind reminded removed repeated replied reply represent represented
    required respect rest restless result return returned rich ride right rise rising river road roof room rooms
    rose rough round ruined rule running runs rush safe said sake salt same sand satisfaction satisfied save
    saved saying says scattered scene scenes school science search season seat seated second secret seeing seem
    seemed seems seen sees seized seldom self sell send sense senses sent separate separated serious seriously
    servant servants serve service setting settle settled seven several severe shade shadow shadows shake shall
    shape share sharp ship shoes shop short shot should shoulder shoulders show showed showing shown shows shut
    sick side sides sight sign signal signs silence silent silver similar simple simplicity simply since singing
    single sister sitting situation size sleep slight slip slow slowly small smaller smart smile smoke social
    society soft solemn solid some somebody somehow something sometimes somewhat somewhere song soon sooner
    sorrow sorry sort sought soul sound sounds south space spare speak speaking speaks special speech speed
    spell spend spent spirit spirits spite splendid spoke spoken spot spread spring square stage stand standing
    stands stars start started state station stay steep step steps stick sticks stiff still stir stock stone
    stood stop stopped stopping storm story straight strange stranger stream street streets strength strike
    strong stronger strongest strongly struck study style subject succeeded success successful such sudden
    suddenly suffer suffering sufficient suggested suit summer sunday superior supper suppose supposed sure
    surely surprise surprised sweet system table take taken takes taking tale talk talking tall taste taught
    tear tears tell telling tells term terms terrible than thank thanks that their them themselves then theory
    there therefore these they thick thin thing things think thinking thinks third thirty this thoroughly those
    though thought thoughts thousand three threw throat through throw thrown thus tight till time times tired
    title together told tone tongue took touch touched touching towards tower town track trade train travel
    treat treated tree trees tried trouble true trust truth trying turn turned turning turns twelve twenty twice
    type unable under understand understood unfortunate unhappy unknown unless unlike until upon upper used
    useful using usual usually vain valuable value various very victory view village virtue visit voice voices
    volume wait waited waiting wake walk walked walking walks wall walls wandering want wanted wants warm
    warning waste wasted watch watched watching water waters ways weak weakness wear weary weather week weeks
    weight welcome well went were west what whatever wheel when whenever where wherever whether which while
    white whole whom whose wicked wide wife wild will wind window windows wine wings winter wisdom wise wish
    wished with within without woman women wonder wondered wonderful wonderfully wondering wood woods word words
    wore work worked working works world worn worse worst worth worthy would wouldn wounded write writer writes
    writing written wrong wrote yard yards year years yellow yesterday young younger your yours yourself youth
    """.split()
) | frozenset(
    """
    argument arguments array assert async await bool boolean break bytes call called calls case char class code config
    const continue data default define defined dict double elif error errors except exception extends export false file
    files final finally float format func function functions global header implements import include index input
    instance integer interface item items kwargs lambda length library line lines list local main method methods module
    modules name names namespace none null number numbers object objects option options output package param parameter
    parameters pass path print private property protected public raise range read result results return returns self
    static str string strings struct super switch test tests this throw true tuple type types undefined unit update user
    using value values variable variables version void while with write yield
    """.split()
)
